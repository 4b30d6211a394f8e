"""The search for a pair that kills its process: a chunk in ever smaller parts, each alone in a fresh process.

First the chunk as a whole, then batch by batch: the bits are those of any other run. Only a batch that kills its
process again and again is halved, down to single pairs: a death by chance, or by somebody's hand, changes no image.
Where memory ran out so badly that the system killed the process, the smaller parts fit.
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
    """Some rows of the chunk; `patience`: how many more deaths it takes until it is held guilty."""

    rows: tuple[PlannedPair, ...]
    patience: int


class PoisonSearch:
    """What is left of a chunk to be tried."""

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
        """The part that was tried has been made."""
        self._parts.popleft()

    def died(self) -> PlannedPair | None:
        """The part that was tried has killed its process: the guilty pair, if it is one, which is then left out."""
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
        """A chunk into its batches, a batch into halves; parts of which nothing is wanted are dropped."""
        parts = [tuple(batch) for _, batch in itertools.groupby(rows, key=lambda row: row.batch)]
        if len(parts) == 1:
            half = len(rows) // 2
            parts = [rows[:half], rows[half:]]
        return [part for part in parts if any(row.pair_id in self._chunk.wanted for row in part)]


def _patience(rows: tuple[PlannedPair, ...], parent: _Part) -> int:
    """Whole batches, and single pairs, are given another chance; halves of a guilty batch are not."""
    is_batch = len({row.batch for row in parent.rows}) > 1
    return DEATHS if is_batch or len(rows) == 1 else 1
