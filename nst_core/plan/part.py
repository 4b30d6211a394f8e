"""From pairs to a plan part: shapes, names, chunks and batches.

The grouping is a function of the pairs alone, so that the same plan gives the same bits whatever the workers, the order
or the interruptions. All is reckoned in columns: a part may have millions of rows.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nst_core.errors import SkippedInput
from nst_core.plan.draft import Draft, id_numbers
from nst_core.plan.grouping import Grouping
from nst_core.plan.names import PathNames, names_of
from nst_core.plan.shapes import Ints, PlanContext, Shapes
from nst_core.run_folder.plan_table import Plan


def plan_part(number: int, draft: Draft, earlier: Plan, context: PlanContext, grouping: Grouping) -> PlanPart:
    """Plan part `number`: those pairs of the draft that no earlier part has, in chunks and batches."""
    draft = draft.without(id_numbers(earlier.column("pair_id")))
    looks = Shapes.of(draft, context)
    names = names_of(draft, earlier)
    order = _order(draft, looks, names)
    chunk, batch = _grouped(draft, looks, names, order, grouping)
    return PlanPart(number, draft, earlier, context, looks, names, order, chunk, batch)


@dataclass(frozen=True)
class PlanPart:
    """A plan part as columns of small numbers; rows and tables are made when asked for.

    Attributes:
        order: places in the draft, in the order of the plan.
        chunk, batch: by row, in that order: the chunk's number and the batch's number within it.
    """

    number: int
    draft: Draft
    earlier: Plan
    context: PlanContext
    looks: Shapes
    names: PathNames
    order: Ints
    chunk: Ints
    batch: Ints

    def __len__(self) -> int:
        return len(self.draft)

    @property
    def chunks(self) -> int:
        return int(self.chunk[-1]) + 1 if len(self) else 0

    def errors(self) -> list[str]:
        """What is wrong with inputs, each sentence once; without what is left out on purpose."""
        faults = [self.looks.errors[place] for place in self.count_by_error()]
        return list(dict.fromkeys(str(error) for error in faults if not isinstance(error, SkippedInput)))

    def count_by_error(self) -> dict[int, int]:
        """By the error's place in `looks.errors`: how many pairs it takes down."""
        places, counts = np.unique(self.looks.error[self.looks.error >= 0], return_counts=True)
        return dict(zip(places.tolist(), counts.tolist(), strict=True))

    @property
    def stylized(self) -> NDArray[np.bool_]:
        """Whether each pair of the draft has styles at all."""
        return np.array([bool(c.styles) for c in self.draft.combinations], bool)[self.draft.combination]


def _order(draft: Draft, looks: Shapes, names: PathNames) -> Ints:
    """By artist; then bad inputs, which cost nothing; then by shape, styles (targets are reused) and identity."""
    artist = _ranks([names.artists[c.artist] for c in draft.combinations])[draft.combination]
    styles = _ranks([tuple(share.item.id for share in c.styles) for c in draft.combinations])[draft.combination]
    keys = (draft.ids, styles, looks.padded[:, 1], looks.padded[:, 0], looks.error < 0, artist)
    return np.lexsort(keys)


def _ranks(values: Sequence[Any]) -> Ints:
    ranks = {value: rank for rank, value in enumerate(sorted(set(values)))}
    return np.array([ranks[value] for value in values], np.int64)


def _grouped(draft: Draft, looks: Shapes, names: PathNames, order: Ints, grouping: Grouping) -> tuple[Ints, Ints]:
    """(chunk, batch) of each row in plan order: a chunk never spans two artists, a batch never two (padded) shapes."""
    artist = _ranks([names.artists[c.artist] for c in draft.combinations])[draft.combination][order]
    look = np.column_stack([looks.error < 0, looks.padded])[order]
    new_artist = np.flatnonzero(np.diff(artist, prepend=-1))
    new_shape = np.flatnonzero(np.any(np.diff(look, axis=0, prepend=-1), axis=1))
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
