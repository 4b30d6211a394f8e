"""Worker processes as the run sees them: started, given chunks, replaced when they die, with how they died."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from flows.runners.base import GRACE, ChunkTry, PairProgress, Stop
from flows.runners.worker_process import STOP
from nst_core.chunks.retry_policy import Verdict, verdict
from nst_core.chunks.work import ChunkReport, Work
from nst_core.errors import Interrupted, WorkerLost, WorkerNotStarted

START_TIMEOUT = 300.0
"""Seconds that a worker may take to load its libraries: a cold network disk is slow."""

_POLL = 0.2  # seconds
_SIGNALS = {
    signal.SIGKILL: "killed (SIGKILL), by somebody or by the system because memory ran out",
    signal.SIGSEGV: "a crash in compiled code (SIGSEGV)",
    signal.SIGABRT: "a crash in compiled code (SIGABRT)",
    signal.SIGBUS: "a crash in compiled code (SIGBUS)",
}


@dataclass(frozen=True)
class WorkerSlot:
    """The device and the surroundings of a worker process.

    Attributes:
        gpu: the only one that it sees, as CUDA_VISIBLE_DEVICES names it; None: it computes on the CPU.
        inherited: file descriptors that it holds for as long as it lives (the run folder's lock).
        folder: its current folder, that relative paths start from; None: this process's own.
    """

    gpu: str | None = None
    inherited: Sequence[int] = ()
    folder: Path | None = None


class _AnswerTimeout(Exception):
    """A worker process did not answer in time; the message is the limit."""


class WorkerProcess:
    """A worker process. Not for several threads at a time."""

    def __init__(self, work: Work, slot: WorkerSlot) -> None:
        ours, theirs = socket.socketpair()
        self._connection = Connection(ours.detach())
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "flows.runners.worker_process", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(), *slot.inherited),
                cwd=slot.folder,
                env={**os.environ, **_environment(work, slot)},
            )
        self._ready = False
        with contextlib.suppress(BrokenPipeError):  # it died at once: the first try finds out
            self._connection.send(replace(work, device="cuda:0") if slot.gpu is not None else work)

    def run(self, chunk_try: ChunkTry, progress: PairProgress, should_stop: Stop) -> ChunkReport:
        """Have the process stylize a chunk, and wait for it.

        Raises:
            WorkerNotStarted, WorkerLost: this process is of no use any more.
            DiskFull, …: whatever the worker raised, as `stylize_chunk`.
        """
        kind, value = self._answer_to(chunk_try, progress, should_stop)
        if kind == "error":
            if isinstance(value, Interrupted) and not should_stop():
                self.kill()
                raise WorkerLost("The worker was told to end (SIGTERM).", -signal.SIGTERM)
            raise value
        report: ChunkReport = value
        return report

    def _answer_to(self, chunk_try: ChunkTry, progress: PairProgress, should_stop: Stop) -> tuple[str, Any]:
        """The answer of the worker: a report, or an error of its own. Raises what became of the worker itself."""
        try:
            if not self._ready:
                self._answer(progress, should_stop, START_TIMEOUT)
                self._ready = True
            self._connection.send(chunk_try.portable())
            limit = None if chunk_try.deadline is None else chunk_try.deadline + GRACE
            return self._answer(progress, should_stop, limit)
        except (EOFError, ConnectionError) as error:
            raise self._lost() from error
        except _AnswerTimeout as error:
            self.kill()
            kind = WorkerLost if self._ready else WorkerNotStarted
            raise kind(f"The worker did not answer for {error} and was killed.") from error
        except BaseException:
            self.kill()  # it is still at this try: its answer must not be taken for that of the next one
            raise

    def close(self) -> None:
        """End the process: it notices that its socket was closed."""
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
        """From another thread: end the process at once; a `run` that is under way raises WorkerLost."""
        self._process.kill()

    def _answer(self, progress: PairProgress, should_stop: Stop, limit: float | None) -> tuple[str, Any]:
        """The next answer that is no mere progress. Raises _AnswerTimeout, EOFError, ConnectionError, Interrupted."""
        ends, stop_sent = None if limit is None else time.monotonic() + limit, False
        while True:
            if should_stop() and not stop_sent:
                self._stop()
                stop_sent = True
            if self._connection.poll(_POLL):
                kind, value = self._connection.recv()
                if kind != "progress":
                    return kind, value
                progress(value)
            elif ends is not None and time.monotonic() > ends:
                raise _AnswerTimeout(f"{limit:.0f} s")

    def _stop(self) -> None:
        """Send it the wish to stop. Raises Interrupted where it has not even begun."""
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
            return WorkerNotStarted(f"A worker's process could not start: {_exit_reason(code)}.")
        return WorkerLost(f"The worker's process ended: {_exit_reason(code)}.", code)


class Supervisor:
    """Keeps one worker process running: starts it when it is first needed, and again after it died.

    Not for several threads at a time, but for `abort`.
    """

    def __init__(self, work: Work, slot: WorkerSlot) -> None:
        self._work, self._slot = work, slot
        self._process: WorkerProcess | None = None
        self._reserved_for: str | None = None  # the only chunk that the process works for, if that is a suspect

    def run(self, chunk_try: ChunkTry, progress: PairProgress, should_stop: Stop) -> ChunkReport:
        """Stylize a chunk. A fresh try gets a new process, for this chunk alone. Raises as `WorkerProcess.run`."""
        reserved_for = chunk_try.chunk.chunk_id if chunk_try.fresh else None
        if reserved_for != self._reserved_for:
            self.close()
        self._reserved_for = reserved_for
        self._process = self._process or WorkerProcess(self._work, self._slot)
        try:
            return self._process.run(chunk_try, progress, should_stop)
        except (WorkerLost, WorkerNotStarted):
            self._process = None
            raise
        except Exception as error:
            if verdict(error) is Verdict.FRESH:
                self.close()  # it cannot be trusted any more, neither by this chunk nor by the next one
            raise

    def abort(self) -> None:
        """From another thread: end the process at once; a `run` that is under way raises WorkerLost."""
        if (process := self._process) is not None:
            process.abort()

    def close(self) -> None:
        """End the process, if there is one."""
        if self._process is not None:
            self._process.close()
        self._process = None


def _environment(work: Work, slot: WorkerSlot) -> dict[str, str]:
    threads = {name: str(work.threads) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")}
    return threads | ({"CUDA_VISIBLE_DEVICES": slot.gpu} if slot.gpu is not None else {})


def _exit_reason(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    with contextlib.suppress(ValueError):
        return _SIGNALS.get(signal.Signals(-code), signal.Signals(-code).name)
    return f"signal {-code}"
