"""The run's end of a worker process: starts it, hands it orders, tells how it died."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from flows.runners.base import GRACE, Order, PairProgress, Stop, packed
from flows.runners.worker_process import STOP
from nst_core.chunks.work import ChunkReport, Work
from nst_core.errors import Interrupted, WorkerLost, WorkerNotStarted

START_TIMEOUT = 300.0
"""Seconds that a worker may take to load its libraries: a cold network disk is slow."""

_POLL = 0.2
_SAYS = {
    signal.SIGKILL: "killed (SIGKILL), by somebody or by the system because memory ran out",
    signal.SIGSEGV: "a crash in compiled code (SIGSEGV)",
    signal.SIGABRT: "a crash in compiled code (SIGABRT)",
    signal.SIGBUS: "a crash in compiled code (SIGBUS)",
}


@dataclass(frozen=True)
class Place:
    """Where a worker's process runs.

    Attributes:
        gpu: the one it sees, as CUDA_VISIBLE_DEVICES names it; None where it computes on the CPU.
        inherited: file descriptors that it holds for as long as it lives (the run folder's lock).
        folder: that relative paths start from; None: this process's own.
    """

    gpu: str | None = None
    inherited: Sequence[int] = ()
    folder: Path | None = None


class _Late(Exception):
    """Nothing was heard for so long."""


class Child:
    """A worker process. Not for several threads at a time."""

    def __init__(self, work: Work, place: Place) -> None:
        ours, theirs = socket.socketpair()
        self._connection = Connection(ours.detach())
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "flows.runners.worker_process", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(), *place.inherited),
                cwd=place.folder,
                env={**os.environ, **_environment(work, place)},
            )
        self._ready = False
        with contextlib.suppress(BrokenPipeError):  # it died at once: the first order finds out
            self._connection.send(replace(work, device="cuda:0") if place.gpu is not None else work)

    @property
    def pid(self) -> int:
        return self._process.pid

    def make(self, order: Order, progress: PairProgress, should_stop: Stop) -> ChunkReport:
        """Have a chunk made.

        Raises:
            WorkerNotStarted, WorkerLost: this child is of no use any more.
            DiskFull, …: whatever the worker raised, as `stylize_chunk`.
        """
        kind, value = self._asked(order, progress, should_stop)
        if kind == "error":
            if isinstance(value, Interrupted) and not should_stop():
                self.kill()
                raise WorkerLost("The worker was told to end (SIGTERM).", -signal.SIGTERM)
            raise value
        report: ChunkReport = value
        return report

    def _asked(self, order: Order, progress: PairProgress, should_stop: Stop) -> tuple[str, Any]:
        """What the worker answers: a report, or an error of its own. Raises what became of the worker itself."""
        try:
            if not self._ready:
                self._answer(progress, should_stop, START_TIMEOUT)
                self._ready = True
            self._connection.send(packed(order))
            limit = None if order.deadline is None else order.deadline + GRACE
            return self._answer(progress, should_stop, limit)
        except (EOFError, ConnectionError) as error:
            raise self._lost() from error
        except _Late as error:
            self.kill()
            late = WorkerLost if self._ready else WorkerNotStarted
            raise late(f"The worker did not answer for {error} and was killed.") from error
        except BaseException:
            self.kill()  # it is still at this order: its answer must not be taken for that of the next one
            raise

    def close(self) -> None:
        """End the process: it notices that nobody listens any more."""
        self._connection.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End the process at once, whatever it is in."""
        self._process.kill()
        self._process.wait()
        self._connection.close()

    def abort(self) -> None:
        """From another thread: end the process at once; a `make` that is under way raises WorkerLost."""
        self._process.kill()

    def _answer(self, progress: PairProgress, should_stop: Stop, limit: float | None) -> tuple[str, Any]:
        """The next answer that is no mere progress. Raises _Late, EOFError, ConnectionError, Interrupted."""
        ends, told = None if limit is None else time.monotonic() + limit, False
        while True:
            if should_stop() and not told:
                self._stop()
                told = True
            if self._connection.poll(_POLL):
                kind, value = self._connection.recv()
                if kind != "progress":
                    return kind, value
                progress(value)
            elif ends is not None and time.monotonic() > ends:
                raise _Late(f"{limit:.0f} s")

    def _stop(self) -> None:
        """Tell it to stop. Raises Interrupted where it has not even begun."""
        if not self._ready:  # it still loads its libraries
            raise Interrupted
        self._connection.send_bytes(STOP)

    def _lost(self) -> WorkerLost | WorkerNotStarted:
        try:
            code = self._process.wait(10)
        except subprocess.TimeoutExpired:
            self.kill()
            code = self._process.returncode
        self._connection.close()
        if not self._ready:  # nothing of the chunk has been touched: it is not to blame
            return WorkerNotStarted(f"A worker's process could not start: {_how(code)}.")
        return WorkerLost(f"The worker's process ended: {_how(code)}.", code)


def _environment(work: Work, place: Place) -> dict[str, str]:
    threads = {name: str(work.threads) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")}
    return threads | ({"CUDA_VISIBLE_DEVICES": place.gpu} if place.gpu is not None else {})


def _how(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    with contextlib.suppress(ValueError):
        return _SAYS.get(signal.Signals(-code), signal.Signals(-code).name)
    return f"signal {-code}"


def visible_gpus(environment: Mapping[str, str], indices: Sequence[int]) -> list[str]:
    """GPUs by their index among those that this process sees, as a child's CUDA_VISIBLE_DEVICES has to name them."""
    seen = [name.strip() for name in environment.get("CUDA_VISIBLE_DEVICES", "").split(",") if name.strip()]
    return [seen[index] if index < len(seen) else str(index) for index in indices]
