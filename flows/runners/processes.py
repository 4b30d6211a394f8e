"""Workers in processes of their own on this machine: one per GPU, or per group of cores."""

from __future__ import annotations

import queue
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from flows.runners.base import Order, PairProgress, Stop
from flows.runners.process import Place
from flows.runners.supervisor import Foreman
from nst_core.chunks.work import ChunkReport, Work


@dataclass
class Seat:
    """A worker's place, and who keeps it at work."""

    number: int
    foreman: Foreman
    chunk: str | None = None
    pairs: int = 0
    since: float = field(default_factory=time.monotonic)


class Processes:
    """A crew of child processes. A child that dies is replaced; the others never notice."""

    def __init__(self, work: Work, places: Sequence[Place], should_stop: Stop) -> None:
        self._should_stop = should_stop
        self._seats = [Seat(number, Foreman(work, place)) for number, place in enumerate(places, 1)]
        self._free: queue.LifoQueue[Seat] = queue.LifoQueue()  # a warm child before one that has to be started
        for seat in reversed(self._seats):
            self._free.put(seat)

    @property
    def name(self) -> str:
        return "process"

    @property
    def size(self) -> int:
        return len(self._seats)

    def make(self, order: Order, progress: PairProgress) -> ChunkReport:
        """As `Crew.make`. A fresh order gets a new child, which works for no other chunk."""
        seat = self._free.get()
        seat.chunk, seat.pairs, seat.since = order.chunk.chunk_id, len(order.chunk.wanted), time.monotonic()
        try:
            return seat.foreman.make(order, progress, self._should_stop)
        finally:
            seat.chunk = None
            self._free.put(seat)

    def now(self) -> list[dict[str, object]]:
        """As `Crew.now`."""
        at = time.monotonic()
        return [
            {
                "name": f"process {seat.number}",
                "chunk": seat.chunk,
                "pairs": seat.pairs,
                "seconds": round(at - seat.since),
            }
            for seat in self._seats
            if seat.chunk is not None
        ]

    def __enter__(self) -> Processes:
        return self

    def __exit__(self, *error: object) -> None:
        for seat in self._seats:
            seat.foreman.close()
