"""The search for a pair that kills its process: a chunk in ever smaller parts, each alone in a fresh process.

First the chunk as a whole, then batch by batch, whose images have the same bits as in any other run. Only a batch that
kills its process repeatedly is halved, down to single pairs, so that a process killed by chance or by a person changes
no image. If the system killed the process because memory ran out, the smaller parts fit.
"""

from __future__ import annotations

import itertools
from collections import deque
from dataclasses import dataclass, replace

from nst_core.chunks.retry_policy import DEATHS
from nst_core.run_folder.chunk import Chunk
from nst_core.run_folder.plan_table import PlannedPair


@dataclass
class _Part:
    """Some rows of the chunk; after `patience` more deaths they are taken for the cause."""

    rows: tuple[PlannedPair, ...]
    patience: int


class PoisonSearch:
    """The parts of a chunk that are still to be tried."""

    def __init__(self, chunk: Chunk) -> None:
        rows = tuple(chunk.rows)
        self._chunk = replace(chunk, rows=rows)
        one_batch = len({row.batch for row in rows}) == 1
        self._parts = deque([_Part(rows, DEATHS if one_batch else 1)])

    def __bool__(self) -> bool:
        return bool(self._parts)

    def next_part(self) -> Chunk:
        """The chunk, with `only` those pairs that are to be tried next."""
        return replace(self._chunk, only=frozenset(row.pair_id for row in self._parts[0].rows))

    def survived(self) -> None:
        """Record that the part that was tried has been made."""
        self._parts.popleft()

    def died(self) -> PlannedPair | None:
        """Record that the part that was tried killed its process; returns the pair that is the cause, once found."""
        part = self._parts[0]
        part.patience -= 1
        if part.patience > 0:
            return None
        self._parts.popleft()
        if len(part.rows) == 1:
            return part.rows[0]
        self._parts.extendleft(reversed([_Part(rows, _patience(rows, part)) for rows in self._split(part.rows)]))
        return None

    def _split(self, rows: tuple[PlannedPair, ...]) -> list[tuple[PlannedPair, ...]]:
        """Split a chunk into its batches, a batch into halves; parts without a wanted pair are dropped."""
        parts = [tuple(batch) for _, batch in itertools.groupby(rows, key=lambda row: row.batch)]
        if len(parts) == 1:
            half = len(rows) // 2
            parts = [rows[:half], rows[half:]]
        return [part for part in parts if any(row.pair_id in self._chunk.wanted for row in part)]


def _patience(rows: tuple[PlannedPair, ...], parent: _Part) -> int:
    """The deaths that a new part may cause: several for whole batches and single pairs, one for halves."""
    is_batch = len({row.batch for row in parent.rows}) > 1
    return DEATHS if is_batch or len(rows) == 1 else 1
