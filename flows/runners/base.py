"""What a crew is: workers that make chunks, wherever they are. Everything above it is the same for all of them.

Workers know no Prefect: a Prefect task runs in a thread of this process, hands its chunk to the crew and waits. So one
server sees the run, no worker has to reach it, and a worker that dies takes down the chunk it was at and nothing else.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from nst_core.chunks.work import ChunkReport, ChunkWatch, Work
from nst_core.chunks.worker import stylize_chunk
from nst_core.run_folder.chunk import Chunk

GRACE = 30.0
"""Seconds past its deadline after which a worker that does not answer is killed: it may be inside of a long call."""

PairProgress = Callable[[int], None]
"""Called with the number of pair-evaluations done since the last call."""

Stop = Callable[[], bool]
"""Polled: whether the run was asked to stop."""


@dataclass(frozen=True)
class Order:
    """One try of a chunk.

    Attributes:
        attempt: which try it is since its rows were last written.
        deadline: seconds that it may take, None for as long as it likes.
        fresh: whether it wants a process of its own, started for this chunk and ended after it.
    """

    chunk: Chunk
    attempt: int = 1
    deadline: float | None = None
    fresh: bool = False


class Crew(Protocol):
    """Workers that make chunks, each one at a time, with its own device and its own copy of the network."""

    @property
    def name(self) -> str:
        """As the run file says it: `thread`, `process`, …"""

    @property
    def size(self) -> int:
        """How many chunks are made at a time."""

    def make(self, order: Order, progress: PairProgress) -> ChunkReport:
        """Make a chunk on the next free worker, and wait for it. Called by as many threads as there are workers.

        Raises:
            WorkerLost: the worker died, or did not answer at its deadline; another one takes its place.
            Interrupted, ChunkTimeout, DiskFull, …: as `stylize_chunk`.
        """

    def now(self) -> list[dict[str, object]]:
        """What the workers are at, for people: `name`, `chunk`, `pairs`, `seconds`."""

    def __enter__(self) -> Crew: ...
    def __exit__(self, *error: object) -> None: ...


def packed(order: Order) -> Order:
    """The order as it travels to another process: with its rows, and nothing of the plan that they are a part of."""
    return replace(order, chunk=replace(order.chunk, rows=tuple(order.chunk.rows)))


def make_here(order: Order, work: Work, progress: PairProgress, should_stop: Stop) -> ChunkReport:
    """Make a chunk in this process, as `stylize_chunk`; the order's deadline holds from now on."""
    ends = None if order.deadline is None else time.monotonic() + order.deadline
    watch = ChunkWatch(progress, should_stop, lambda: ends is not None and time.monotonic() > ends)
    return stylize_chunk(order.chunk, work, watch, order.attempt)
