"""The runner of all clusters: workers that come and go, started in the background, each with one chunk at a time."""

from __future__ import annotations

import contextlib
import queue
import re
import socket
import threading
import time
from collections.abc import Callable
from typing import Protocol

from flows.progress import console
from flows.runners.base import GRACE, ChunkTry, PairProgress, Stop, TryOutcome, WorkerActivity
from flows.runners.process import START_TIMEOUT
from nst_core.chunks.work import ChunkReport
from nst_core.errors import ConfigError, Interrupted, NoWorkers, WorkerLost

POLL = 0.5
"""Seconds between two polls of a worker: how late progress and the wish to stop arrive."""

NO_WORKER_TIMEOUT = 600.0
"""Seconds that a run waits for any worker at all: a cluster that scales by itself takes minutes."""

_PAUSE = 15.0
"""Seconds before the next attempt to start a worker, after one that failed."""


class WorkerUnreachable(Exception):
    """A worker does not answer any more; the message says what is known of why."""


class RemoteWorker(Protocol):
    """The run's connection to one `NodeWorker`."""

    host: str

    def submit(self, chunk_try: ChunkTry) -> None:
        """Send a try. Raises WorkerUnreachable."""

    def outcome(self, seconds: float) -> TryOutcome | None:
        """The outcome of the try; None if there is none within so many seconds. Raises WorkerUnreachable."""

    def poll(self, stop: bool) -> int:
        """Implement `NodeWorker.poll`. Raises WorkerUnreachable."""

    def close(self) -> None:
        """End the worker, by force if need be. Raises nothing."""


StartWorker = Callable[[Stop], RemoteWorker | None]
"""Starts a worker, however long it takes; None where told to give up. Raises ConfigError, WorkerUnreachable."""


class ClusterRunner:
    """The workers of a cluster: one that is lost is replaced, wherever there is room, while the others go on."""

    def __init__(self, name: str, size: int, start_worker: StartWorker, should_stop: Stop) -> None:
        self.name, self.size = name, size
        self._start_worker, self._should_stop = start_worker, should_stop
        self._free: queue.LifoQueue[tuple[int, RemoteWorker]] = queue.LifoQueue()
        self._activity = WorkerActivity()
        self.activity = self._activity.entries
        self._over, self._refusals = threading.Event(), queue.SimpleQueue[ConfigError | WorkerUnreachable]()
        self._starters: list[threading.Thread] = []
        self._ready = threading.Event()

    def run(self, chunk_try: ChunkTry, progress: PairProgress) -> ChunkReport:
        """Implement `Runner.run`. Raises NoWorkers, too."""
        number, worker = self._next()
        try:
            with self._activity.busy(number, f"{self.name} {number} on {worker.host}", chunk_try):
                report = _run_on(worker, chunk_try, progress, self._should_stop)
        except WorkerUnreachable as error:
            worker.close()
            self._start(number)
            raise WorkerLost(f"The worker on {worker.host} was lost: {error}.") from error
        except BaseException:
            self._free.put((number, worker))
            raise
        self._free.put((number, worker))
        return report

    def __enter__(self) -> ClusterRunner:
        """Waits for the first worker. Raises ConfigError where there is a reason why there is none; Interrupted."""
        for number in range(1, self.size + 1):
            self._start(number)
        try:
            self._free.put(self._next())
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        for starter in self._starters:
            starter.join()
        with contextlib.suppress(queue.Empty):
            while True:
                self._free.get_nowait()[1].close()

    def _next(self) -> tuple[int, RemoteWorker]:
        """The next free worker."""
        ends = time.monotonic() + NO_WORKER_TIMEOUT
        while True:
            with contextlib.suppress(queue.Empty):
                return self._free.get(timeout=POLL)
            if self._should_stop():
                raise Interrupted
            if not self._ready.is_set() and not self._refusals.empty():
                raise _as_config_error(self._refusals.get())
            if self._activity:
                ends = time.monotonic() + NO_WORKER_TIMEOUT
            elif time.monotonic() > ends:
                raise NoWorkers(
                    f"The cluster has had no worker for {NO_WORKER_TIMEOUT / 60:.0f} minutes. What is finished is "
                    "kept; once nodes are back, the same command goes on from here."
                )

    def _start(self, number: int) -> None:
        starter = threading.Thread(target=self._start_until_over, args=(number,), daemon=True)
        self._starters.append(starter)
        starter.start()

    def _start_until_over(self, number: int) -> None:
        """Put a new worker among the free ones, however long it takes."""
        reported = False
        while not self._over.is_set():
            try:
                worker = self._start_worker(self._over.is_set)
            except (ConfigError, WorkerUnreachable) as refusal:
                if self._ready.is_set() and not reported:
                    console.print(f"A worker could not start: {refusal}", markup=False, soft_wrap=True)
                    reported = True
                self._refusals.put(refusal)
                self._over.wait(_PAUSE)
                continue
            if worker is not None:
                self._ready.set()
                self._free.put((number, worker))
            return


def start_or_close(worker: RemoteWorker, start: Callable[[], bool]) -> RemoteWorker | None:
    """The worker, if `start` succeeds; else, whatever happens meanwhile, it is closed."""
    started = False
    try:
        started = start()
        return worker if started else None
    finally:
        if not started:
            worker.close()


def _run_on(worker: RemoteWorker, chunk_try: ChunkTry, progress: PairProgress, should_stop: Stop) -> ChunkReport:
    """Send a try and wait for its outcome. Raises WorkerUnreachable, and what the worker raised."""
    limit = None if chunk_try.deadline is None else chunk_try.deadline + 2 * GRACE + START_TIMEOUT
    started = time.monotonic()
    worker.submit(chunk_try.portable())
    while (outcome := worker.outcome(POLL)) is None:
        if done := worker.poll(should_stop()):
            progress(done)
        if limit is not None and time.monotonic() - started > limit:
            raise WorkerUnreachable(f"it did not answer for {limit:.0f} s")
    if isinstance(outcome, BaseException):
        raise outcome
    return outcome


def check_listening(address: str) -> None:
    """Raise OSError at once where nothing listens: the clusters' own clients try for minutes. Names are theirs."""
    match = re.fullmatch(r"(?:(?:tcp|tls|ray)://)?([^/]+):([0-9]+)", address)
    if match:
        socket.create_connection((match[1].strip("[]"), int(match[2])), timeout=5).close()


def _as_config_error(refusal: ConfigError | WorkerUnreachable) -> ConfigError:
    return refusal if isinstance(refusal, ConfigError) else ConfigError(f"No worker could start: {refusal}.")
