"""A shard: the share of a run that one of several independent processes makes."""

from __future__ import annotations

import re
from dataclasses import dataclass

from nst_core.errors import UsageError


@dataclass(frozen=True, order=True)
class Shard:
    """The share `index` (from 1) of `count`."""

    index: int
    count: int

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Parse `2/8`, the second of eight. Raises UsageError."""
        match = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", text.strip())
        shard = cls(int(match[1]), int(match[2])) if match else None
        if shard is None or not 1 <= shard.index <= shard.count:
            raise UsageError(f"There is no shard {text!r}: shards are counted from 1, as in --shard 2/8.")
        return shard

    def takes(self, place: int) -> bool:
        """Whether the chunk at `place` (from 0) among all chunks ever planned belongs to this shard.

        Chunks go round among the shards. As a plan only ever grows at its end, shares stay disjoint, and together
        everything, whenever each shard reads the plan.
        """
        return place % self.count == self.index - 1

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"
