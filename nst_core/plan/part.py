"""A plan part: pairs with their shapes and names, in chunks and batches.

The grouping is a function of the pairs alone, so that the same plan gives the same bits whatever the workers, the order
or the interruptions. Everything is computed in columns: a part may have millions of rows.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nst_core.errors import SkippedInput
from nst_core.plan.grouping import Grouping
from nst_core.plan.pair_table import PairTable, id_numbers, place_counts
from nst_core.plan.path_names import PathNames, choose_path_names
from nst_core.plan.shapes import Ints, PlanContext, Shapes
from nst_core.run_folder.plan_table import Plan


def plan_part(number: int, pairs: PairTable, earlier: Plan, context: PlanContext, grouping: Grouping) -> PlanPart:
    """Return plan part `number`: the pairs that no earlier part has, in chunks and batches."""
    pairs = pairs.without(id_numbers(earlier.column("pair_id")))
    shapes = Shapes.of(pairs, context)
    names = choose_path_names(pairs, earlier)
    order = _order(pairs, shapes, names)
    chunk, batch = _grouped(pairs, shapes, names, order, grouping)
    return PlanPart(number, pairs, earlier, context, shapes, names, order, chunk, batch)


@dataclass(frozen=True)
class PlanPart:
    """A plan part as columns of small numbers; `part_tables` gives its rows.

    Attributes:
        order: indices into `pairs`, in the order of the plan.
        chunk, batch: of each row, in that order: the chunk's number, and the batch's number within it.
    """

    number: int
    pairs: PairTable
    earlier: Plan
    context: PlanContext
    shapes: Shapes
    names: PathNames
    order: Ints
    chunk: Ints
    batch: Ints

    def __len__(self) -> int:
        return len(self.pairs)

    @property
    def chunks(self) -> int:
        """The number of chunks."""
        return int(self.chunk[-1]) + 1 if len(self) else 0

    def errors(self) -> list[str]:
        """The messages of bad inputs, each once; without what is left out on purpose."""
        faults = [self.shapes.errors[place] for place in self.count_by_error()]
        return list(dict.fromkeys(str(error) for error in faults if not isinstance(error, SkippedInput)))

    def count_by_error(self) -> dict[int, int]:
        """The number of pairs with each error, by its index in `shapes.errors`."""
        return place_counts(self.shapes.error[self.shapes.error >= 0])


def _order(pairs: PairTable, shapes: Shapes, names: PathNames) -> Ints:
    """Sort by artist; then bad inputs, which cost nothing; then by shape, styles (targets are reused) and id."""
    artist = _ranks([names.artists[c.artist] for c in pairs.combinations])[pairs.combination]
    styles = _ranks([c.style_ids for c in pairs.combinations])[pairs.combination]
    keys = (pairs.ids, styles, shapes.padded[:, 1], shapes.padded[:, 0], shapes.error < 0, artist)
    return np.lexsort(keys)


def _ranks(values: Sequence[Any]) -> Ints:
    """Each value's place among the distinct values, sorted."""
    ranks = {value: rank for rank, value in enumerate(sorted(set(values)))}
    return np.array([ranks[value] for value in values], np.int64)


def _grouped(pairs: PairTable, shapes: Shapes, names: PathNames, order: Ints, grouping: Grouping) -> tuple[Ints, Ints]:
    """(chunk, batch) of each row in plan order: a chunk never spans two artists, a batch never two (padded) shapes."""
    artist = _ranks([names.artists[c.artist] for c in pairs.combinations])[pairs.combination][order]
    shape = np.column_stack([shapes.error < 0, shapes.padded])[order]
    new_artist = np.flatnonzero(np.diff(artist, prepend=-1))
    new_shape = np.flatnonzero(np.any(np.diff(shape, axis=0, prepend=-1), axis=1))
    starts = np.union1d(new_artist, new_shape)
    chunk, batch = np.zeros(len(order), np.int64), np.zeros(len(order), np.int64)
    first_of_artist, at_chunk, in_chunk, at_batch = set(new_artist.tolist()), -1, 0, 0
    for start, stop in itertools.pairwise([*starts.tolist(), len(order)]):
        for row in range(start, stop, grouping.batch_size):
            end = min(row + grouping.batch_size, stop)
            if row in first_of_artist or in_chunk + end - row > grouping.chunk_size:
                at_chunk, in_chunk, at_batch = at_chunk + 1, 0, 0
            chunk[row:end], batch[row:end] = at_chunk, at_batch
            in_chunk, at_batch = in_chunk + end - row, at_batch + 1
    return chunk, batch
