"""The runners of this machine: threads of this process, or worker processes (one per GPU, or per group of cores)."""

from __future__ import annotations

import contextlib
import queue
from collections.abc import Sequence
from dataclasses import replace

from flows.runners.base import ChunkTry, PairProgress, Stop, WorkerActivity, run_here
from flows.runners.process import Supervisor, WorkerProcess, WorkerSlot
from nst_core.chunks.work import ChunkReport, Work


class ThreadRunner:
    """The threads that call `run` do the work: the least overhead, and one copy of the network for all of them.

    This class only shares out the devices. A try that needs a fresh process gets one; where this process dies, the run
    dies with it.

    Args:
        devices: of each worker.
        slots: of the fresh process in each worker's place.
    """

    name = "thread"

    def __init__(self, work: Work, devices: Sequence[str], slots: Sequence[WorkerSlot], should_stop: Stop) -> None:
        self._work, self._should_stop = work, should_stop
        self.size = len(devices)
        self._free: queue.SimpleQueue[tuple[int, str, WorkerSlot]] = queue.SimpleQueue()
        self._activity = WorkerActivity()
        self.activity = self._activity.entries
        for number, (device, slot) in enumerate(zip(devices, slots, strict=True), 1):
            self._free.put((number, device, slot))

    def run(self, chunk_try: ChunkTry, progress: PairProgress) -> ChunkReport:
        """Implement `Runner.run`."""
        number, device, slot = self._free.get()
        work = replace(self._work, device=device)
        try:
            with self._activity.busy(number, f"thread {number}", chunk_try):
                if not chunk_try.fresh:
                    return run_here(chunk_try, work, progress, self._should_stop)
                with contextlib.closing(WorkerProcess(work, slot)) as process:
                    return process.run(chunk_try, progress, self._should_stop)
        finally:
            self._free.put((number, device, slot))

    def __enter__(self) -> ThreadRunner:
        return self

    def __exit__(self, *error: object) -> None:
        pass


class ProcessRunner:
    """Worker processes, each kept running by a supervisor. One that dies is replaced; the others never notice."""

    name = "process"

    def __init__(self, work: Work, slots: Sequence[WorkerSlot], should_stop: Stop) -> None:
        self._should_stop = should_stop
        self._supervisors = [Supervisor(work, slot) for slot in slots]
        self.size = len(slots)
        self._free: queue.LifoQueue[int] = queue.LifoQueue()  # a warm process before one that has to be started
        self._activity = WorkerActivity()
        self.activity = self._activity.entries
        for number in range(self.size, 0, -1):
            self._free.put(number)

    def run(self, chunk_try: ChunkTry, progress: PairProgress) -> ChunkReport:
        """Implement `Runner.run`. A fresh try gets a new process, which works for no other chunk."""
        number = self._free.get()
        try:
            with self._activity.busy(number, f"process {number}", chunk_try):
                return self._supervisors[number - 1].run(chunk_try, progress, self._should_stop)
        finally:
            self._free.put(number)

    def __enter__(self) -> ProcessRunner:
        return self

    def __exit__(self, *error: object) -> None:
        for supervisor in self._supervisors:
            supervisor.close()
