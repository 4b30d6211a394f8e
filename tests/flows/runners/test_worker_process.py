"""A worker process and its end: what the chunk is to blame for, and what not."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, ClassVar

import pytest
from planned import planned

from flows.runners import process as module
from flows.runners.base import ChunkTry
from flows.runners.process import Supervisor, WorkerProcess, WorkerSlot
from nst_core.chunks.work import Work
from nst_core.config.output import Output
from nst_core.config.run_config import parse_config
from nst_core.engine.images.limits import ImageLimits
from nst_core.errors import Interrupted, WorkerLost, WorkerNotStarted
from nst_core.run_folder.chunk import Chunk

RECIPE = replace(parse_config({"method": {"recipe": "wavelet"}}).method.resolve(), precision="float32")


@pytest.fixture
def work(tmp_path: Path) -> Work:
    return Work(tmp_path, RECIPE, None, Output(), ImageLimits(), ImageLimits(), "cpu")


def chunk_try(name: str = "c") -> ChunkTry:
    row = planned(pair_id="0" * 16, chunk_id=name)
    return ChunkTry(Chunk(name, "ada", (row,), frozenset({row.pair_id})))


class FakeProcess:
    """In place of a process: answers as it is told, over the real socket."""

    started: ClassVar[list[FakeProcess]] = []

    def __init__(self, answers: Callable[[int], tuple[str, Any]], command: list[str]) -> None:
        FakeProcess.started.append(self)
        self.connection, self.ended = Connection(os.dup(int(command[-1]))), threading.Event()
        self.returncode, self.pid = 0, 0
        threading.Thread(target=self._talk, args=(answers, len(FakeProcess.started)), daemon=True).start()

    def _talk(self, answers: Callable[[int], tuple[str, Any]], number: int) -> None:
        self.connection.recv()
        self.connection.send(("ready", 0))
        try:
            while not self.ended.is_set():
                self.connection.recv()
                self.connection.send(answers(number))
        except (EOFError, OSError):
            return

    def kill(self) -> None:
        self.returncode = -signal.SIGKILL
        self.ended.set()
        self.connection.close()

    def wait(self, timeout: float | None = None) -> int:
        return self.returncode


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[int], tuple[str, Any]]], None]:
    """Makes every worker process answer with what a function returns for its number."""

    def install(answers: Callable[[int], tuple[str, Any]]) -> None:
        FakeProcess.started = []
        monkeypatch.setattr(module.subprocess, "Popen", lambda command, **_: FakeProcess(answers, command))

    return install


@pytest.mark.parametrize(
    "error", [TimeoutError(110, "timed out"), ConnectionResetError(104, "reset"), EOFError("short"), BrokenPipeError()]
)
def test_an_error_of_a_healthy_worker_is_not_its_death(work: Work, answering: Any, error: Exception) -> None:
    answering(lambda _: ("error", error))
    process = WorkerProcess(work, WorkerSlot())
    with pytest.raises(type(error)):
        process.run(chunk_try(), lambda _: None, lambda: False)
    assert not FakeProcess.started[0].ended.is_set(), "it can go on"
    process.close()


def test_a_worker_that_was_told_to_end_is_lost_and_the_run_goes_on(work: Work, answering: Any) -> None:
    answering(lambda _: ("error", Interrupted()))
    with pytest.raises(WorkerLost, match="SIGTERM"):
        WorkerProcess(work, WorkerSlot()).run(chunk_try(), lambda _: None, lambda: False)


def test_where_the_run_was_told_it_is_an_interruption(work: Work, answering: Any) -> None:
    stopping = threading.Event()

    def answer(_: int) -> tuple[str, Any]:
        stopping.set()
        return "error", Interrupted()

    answering(answer)
    with pytest.raises(Interrupted):
        WorkerProcess(work, WorkerSlot()).run(chunk_try(), lambda _: None, stopping.is_set)


def test_after_a_cuda_error_neither_the_chunk_nor_the_next_one_gets_that_process(work: Work, answering: Any) -> None:
    answering(lambda number: ("error", RuntimeError("CUDA error: unspecified launch failure")))
    supervisor = Supervisor(work, WorkerSlot())
    for one in (
        chunk_try("a"),
        replace(chunk_try("a"), fresh=True),
        replace(chunk_try("a"), fresh=True),
        chunk_try("b"),
    ):
        with pytest.raises(RuntimeError, match="CUDA"):
            supervisor.run(one, lambda _: None, lambda: False)
    assert len(FakeProcess.started) == 4


def test_an_error_while_progress_is_reported_leaves_no_answer_for_the_next_try(work: Work, answering: Any) -> None:
    answering(lambda number: ("progress", 1))

    def no_room(_: int) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        WorkerProcess(work, WorkerSlot()).run(chunk_try(), no_room, lambda: False)
    assert FakeProcess.started[0].ended.is_set()


def test_a_process_that_cannot_start_blames_no_chunk(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONHOME", "/nowhere")
    with pytest.raises(WorkerNotStarted, match="could not start: exit code 1"):
        WorkerProcess(work, WorkerSlot()).run(chunk_try(), lambda _: None, lambda: False)


def test_a_worker_holds_the_lock_that_it_inherits_and_ends_when_the_run_is_gone(work: Work, tmp_path: Path) -> None:
    """With a real process; its connection is all that it has of the run."""
    held, other = socket.socketpair()
    process = WorkerProcess(work, WorkerSlot(inherited=(held.fileno(),)))
    held.close()
    other.settimeout(60)
    process._connection.close()  # as when this process is killed
    assert other.recv(1) == b"", "the worker has ended, and its copy of the descriptor with it"
    process._process.wait(10)
