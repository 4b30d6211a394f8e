"""The runner protocol: workers that stylize chunks, wherever they are. Everything above it is the same for all of them.

Workers know no Prefect: a Prefect task runs in a thread of this process, passes its chunk to the runner and waits. So
one server sees the run, no worker has to reach it, and a worker that dies takes down one chunk and nothing else.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from nst_core.chunks.work import ChunkReport, ChunkWatch, Work
from nst_core.chunks.worker import stylize_chunk
from nst_core.run_folder.chunk import Chunk
from nst_core.storage.signed_urls import addresses_of, remember_addresses

GRACE = 30.0
"""Seconds past its deadline after which a worker that does not answer is killed: it may be inside of a long call."""

PairProgress = Callable[[int], None]
"""Called with the number of pair-evaluations done since the last call."""

Stop = Callable[[], bool]
"""Polled: whether the run was asked to stop."""

TryOutcome = ChunkReport | BaseException
"""The result of a try of a chunk: a report, or the error that ended it."""


@dataclass(frozen=True)
class ChunkTry:
    """One try of a chunk.

    Attributes:
        attempt: number of the try, counted from 1 since the rows of the chunk were last written.
        deadline: seconds that it may take; None: no limit.
        fresh: whether it needs a process of its own, started for this chunk and ended after it.
        addresses: of its pictures on the web, by what is shown of them (`nst_core.storage.signed_urls`).
    """

    chunk: Chunk
    attempt: int = 1
    deadline: float | None = None
    fresh: bool = False
    addresses: Mapping[str, str] = field(default_factory=dict, repr=False)

    def portable(self) -> ChunkTry:
        """The try as it is sent to another process: with the rows of its chunk, without the plan they are a view of."""
        rows = tuple(self.chunk.rows)
        addresses = addresses_of({path for row in rows for path in (row.content_path, *row.style_paths)})
        return replace(self, chunk=replace(self.chunk, rows=rows), addresses=addresses)


class Runner(Protocol):
    """Workers that stylize one chunk each at a time, every one with its own device and its own copy of the network."""

    @property
    def name(self) -> str:
        """The value of `execution.runner`: `thread`, `process`, …"""

    @property
    def size(self) -> int:
        """The number of workers."""

    def run(self, chunk_try: ChunkTry, progress: PairProgress) -> ChunkReport:
        """Stylize a chunk on the next free worker, and wait for it. Called by as many threads as there are workers.

        Raises:
            WorkerLost: the worker died, or did not answer at its deadline; another one takes its place.
            Interrupted, ChunkTimeout, DiskFull, …: as `stylize_chunk`.
        """

    def activity(self) -> list[dict[str, object]]:
        """One entry per busy worker, for `nst status`: `name`, `chunk`, `pairs`, `seconds`."""

    def __enter__(self) -> Runner: ...
    def __exit__(self, *error: object) -> None: ...


class WorkerActivity:
    """The tries that the workers of a runner are busy with, by the number of the worker."""

    def __init__(self) -> None:
        self._tries: dict[int, tuple[str, ChunkTry, float]] = {}

    def __bool__(self) -> bool:
        return bool(self._tries)

    @contextlib.contextmanager
    def busy(self, number: int, name: str, chunk_try: ChunkTry) -> Iterator[None]:
        """List the worker until the block ends."""
        self._tries[number] = name, chunk_try, time.monotonic()
        try:
            yield
        finally:
            del self._tries[number]

    def entries(self) -> list[dict[str, object]]:
        """Implement `Runner.activity`."""
        now = time.monotonic()
        return [
            {
                "name": name,
                "chunk": chunk_try.chunk.chunk_id,
                "pairs": len(chunk_try.chunk.wanted),
                "seconds": round(now - since),
            }
            for _, (name, chunk_try, since) in sorted(self._tries.copy().items())
        ]


def run_here(chunk_try: ChunkTry, work: Work, progress: PairProgress, should_stop: Stop) -> ChunkReport:
    """Stylize a chunk in this process, as `stylize_chunk`; the deadline of the try counts from now on."""
    remember_addresses(chunk_try.addresses)
    ends = None if chunk_try.deadline is None else time.monotonic() + chunk_try.deadline
    watch = ChunkWatch(progress, should_stop, lambda: ends is not None and time.monotonic() > ends)
    return stylize_chunk(chunk_try.chunk, work, watch, chunk_try.attempt)
