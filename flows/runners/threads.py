"""Workers that are threads of this process: the least overhead, and one copy of the network for all of them."""

from __future__ import annotations

import contextlib
import queue
import time
from collections.abc import Sequence
from dataclasses import replace

from flows.runners.base import Order, PairProgress, Stop, make_here
from flows.runners.process import Child, Place
from nst_core.chunks.work import ChunkReport, Work


class Threads:
    """A crew of threads, the very ones that ask it to make something; it only hands out the devices.

    An order that wants a fresh process gets a child.
    """

    def __init__(self, work: Work, devices: Sequence[str], places: Sequence[Place], should_stop: Stop) -> None:
        self._work, self._should_stop = work, should_stop
        self._size = len(devices)
        self._free: queue.SimpleQueue[tuple[int, str, Place]] = queue.SimpleQueue()
        self._at: dict[int, tuple[Order, float]] = {}
        for number, (device, place) in enumerate(zip(devices, places, strict=True), 1):
            self._free.put((number, device, place))

    @property
    def name(self) -> str:
        return "thread"

    @property
    def size(self) -> int:
        return self._size

    def make(self, order: Order, progress: PairProgress) -> ChunkReport:
        """As `Crew.make`; where this process dies, the run dies with it."""
        number, device, place = self._free.get()
        self._at[number] = order, time.monotonic()
        try:
            work = replace(self._work, device=device)
            if not order.fresh:
                return make_here(order, work, progress, self._should_stop)
            with contextlib.closing(Child(work, place)) as child:
                return child.make(order, progress, self._should_stop)
        finally:
            del self._at[number]
            self._free.put((number, device, place))

    def now(self) -> list[dict[str, object]]:
        """As `Crew.now`."""
        now = time.monotonic()
        return [
            {
                "name": f"thread {number}",
                "chunk": order.chunk.chunk_id,
                "pairs": len(order.chunk.wanted),
                "seconds": round(now - since),
            }
            for number, (order, since) in sorted(self._at.copy().items())
        ]

    def __enter__(self) -> Threads:
        return self

    def __exit__(self, *error: object) -> None:
        pass
