"""Chunks, the unit of work and of retry: those of a plan that have pairs left to make."""

from __future__ import annotations

import itertools
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nst_core.errors import SKIPPED, Cancelled, ReplacedMask
from nst_core.run_folder.folder import Outcome
from nst_core.run_folder.plan_table import Plan, PlannedPair
from nst_core.run_folder.shard import Shard


@dataclass(frozen=True)
class Chunk:
    """A task: the planned pairs of one chunk.

    Attributes:
        rows: in the order of the plan, batch after batch.
        wanted: the ids of those that are still to be made.
        only: the ids to restrict the work to, in the search for a pair that kills its process; None: all.
        place: of the chunk among all chunks that were ever planned.
    """

    chunk_id: str
    artist_slug: str
    rows: Sequence[PlannedPair]
    wanted: frozenset[str]
    only: frozenset[str] | None = None
    place: int = 0


def pending_chunks(plan: Plan, done: NDArray[np.bool_]) -> list[Chunk]:
    """The chunks with work left, in the order of the plan; `done` is a mask over its rows."""
    codes, names = plan.codes("chunk_id")
    slug_of = dict(plan.distinct("chunk_id", "artist_slug"))
    starts = np.flatnonzero(np.diff(codes, prepend=-1))
    pending = []
    for place, (start, stop) in enumerate(itertools.pairwise([*starts.tolist(), len(plan)])):
        left = np.flatnonzero(~done[start:stop])
        if len(left):
            rows, name = plan[start:stop], names[codes[start]]
            ids = rows.column("pair_id")
            pending.append(Chunk(name, slug_of[name], rows, frozenset(ids[row] for row in left), place=place))
    return pending


def rows_of_shard(plan: Plan, shard: Shard) -> Plan:
    """The rows of a plan whose chunks belong to a shard."""
    codes, _ = plan.codes("chunk_id")
    places = np.cumsum(np.diff(codes, prepend=-1) != 0) - 1
    return plan.take(np.fromiter(map(shard.takes, places.tolist()), bool, len(plan)))


def done_pairs(
    plan: Plan, outcomes: Mapping[str, Outcome], images: set[str], changed: Container[str]
) -> NDArray[np.bool_]:
    """The mask of those planned pairs that need no more work.

    A success is done while its image is there. A quarantined pair is done unless its inputs have changed since the plan
    (they may have been mended) or its mask has been replaced, a skipped one while the plan says so, or for good where
    its request was cancelled. A failed one is tried again.
    """
    codes, names = plan.codes("error_class")
    reasons = [None if code < 0 else names[code] for code in codes.tolist()]

    def done(identity: str, reason: str | None) -> bool:
        outcome = outcomes.get(identity)
        if outcome is None:
            return False
        if outcome.status == "success":
            return outcome.file_name in images
        if outcome.status == "skipped":
            return reason in SKIPPED or outcome.error_class == Cancelled.__name__
        return outcome.status == "quarantined" and identity not in changed and reason != ReplacedMask.__name__

    return np.fromiter(map(done, plan.column("pair_id"), reasons), bool, len(plan))
