"""The time of a chunk by activity: decoding, computing, encoding, writing, waiting."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Literal

Activity = Literal["decode", "compute", "encode", "write", "wait"]


@dataclass
class TimeSpent:
    """Seconds by activity. Decoding, encoding and writing have threads beside that of the computation: they overlap.

    Attributes:
        decode: reading, decoding and scaling images.
        compute: the optimisation, style targets included.
        encode: results into the bytes of their files.
        write: images and rows to the disk, until they are safe there.
        wait: of the computation, for the others.
    """

    decode: float = 0.0
    compute: float = 0.0
    encode: float = 0.0
    write: float = 0.0
    wait: float = 0.0

    @contextmanager
    def on(self, part: Activity) -> Iterator[None]:
        """Count the block's time towards a part; each part is counted by one thread at a time."""
        started = time.perf_counter()
        try:
            yield
        finally:
            setattr(self, part, getattr(self, part) + time.perf_counter() - started)

    def as_dict(self) -> dict[str, float]:
        """Seconds by part, to the millisecond."""
        return {part: round(seconds, 3) for part, seconds in asdict(self).items()}

    @classmethod
    def sum(cls, times: Iterable[TimeSpent]) -> TimeSpent:
        """The sums, part by part."""
        total = cls()
        for spent in times:
            for part, seconds in asdict(spent).items():
                setattr(total, part, getattr(total, part) + seconds)
        return total
