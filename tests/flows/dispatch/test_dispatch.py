"""The dispatcher with a scripted runner: what it submits, tries again, gives up; no Prefect, no engine."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from planned import planned

from flows.dispatch.chunk_tries import DispatchTotals, RetryTerms
from flows.dispatch.dispatcher import Dispatcher
from flows.runners.base import ChunkTry, PairProgress
from nst_core.chunks import retry_policy as policy
from nst_core.chunks.work import ChunkReport, Work
from nst_core.config.output import Output
from nst_core.config.run_config import parse_config
from nst_core.engine.images.limits import ImageLimits
from nst_core.errors import DiskFull, Interrupted, WorkerLost, WorkerNotStarted
from nst_core.run_folder.chunk import Chunk
from nst_core.run_folder.chunk_rows import readable_rows, requested_ids, rows_file
from nst_core.run_folder.journal import Journal
from nst_core.run_folder.time_spent import TimeSpent

RECIPE = replace(parse_config({"method": {"recipe": "wavelet"}}).method.resolve(), precision="float32")


def chunk(number: int, pairs: int = 4) -> Chunk:
    name = f"00000-{number:05}"
    rows = tuple(
        replace(planned(), pair_id=f"{number:08}{place:08}", chunk_id=name, batch=place // 2) for place in range(pairs)
    )
    return Chunk(name, "ada", rows, frozenset(row.pair_id for row in rows))


@dataclass
class ScriptedRunner:
    """A runner that calls `answer` for each try; records the tries, and how many ran at a time."""

    answer: Callable[[ChunkTry], None] = lambda chunk_try: None
    size: int = 2
    name: str = "scripted"
    tries: list[ChunkTry] = field(default_factory=list)
    most: int = 0
    _at_work: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self, chunk_try: ChunkTry, progress: PairProgress) -> ChunkReport:
        with self._lock:
            self.tries.append(chunk_try)
            self._at_work += 1
            self.most = max(self.most, self._at_work)
        try:
            self.answer(chunk_try)
        finally:
            with self._lock:
                self._at_work -= 1
        return ChunkReport(Counter(success=len(requested_ids(chunk_try.chunk))), TimeSpent(compute=1.0))

    def activity(self) -> list[dict[str, object]]:
        return []

    def __enter__(self) -> ScriptedRunner:
        return self

    def __exit__(self, *error: object) -> None:
        pass


@dataclass
class Dispatch:
    """A dispatcher over a scripted runner, in a folder."""

    folder: Path
    stop: threading.Event = field(default_factory=threading.Event)
    waiting: int = 0
    most_waiting: int = 0

    def run(self, chunks: list[Chunk], runner: ScriptedRunner, retries: int = 2) -> DispatchTotals:
        work = Work(self.folder, RECIPE, None, Output(), ImageLimits(), ImageLimits(), "cpu")
        self.dispatcher = Dispatcher(
            work, runner, RetryTerms(retries, None, self.stop.set, self.stop.is_set), self.submit
        )
        return self.dispatcher.run(chunks)

    def submit(self, chunk_id: str, attempt: int, call: Callable[[], Any]) -> None:
        def quietly() -> None:
            try:
                call()
            except BaseException:
                return  # the dispatcher has heard it
            finally:
                self.waiting -= 1

        self.waiting += 1
        self.most_waiting = max(self.most_waiting, self.waiting)
        threading.Thread(target=quietly).start()

    def events(self, task: Chunk) -> list[str]:
        return [event.event for event in Journal(self.folder, task.chunk_id).events()]


@pytest.fixture
def dispatch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Dispatch:
    monkeypatch.setattr(policy, "DELAYS", (0.01,))
    return Dispatch(tmp_path)


def failing(times: int, error: BaseException) -> Callable[[ChunkTry], None]:
    """Fails so often, then no more."""
    left = [None] * times

    def answer(chunk_try: ChunkTry) -> None:
        if left:
            left.pop()
            raise error

    return answer


def test_every_chunk_is_made_once_and_noted(dispatch: Dispatch) -> None:
    runner, chunks = ScriptedRunner(), [chunk(number) for number in range(50)]
    totals = dispatch.run(chunks, runner)
    assert totals.statuses == {"success": 200}
    assert totals.spent.compute == 50.0
    assert Counter(chunk_try.chunk.chunk_id for chunk_try in runner.tries) == {task.chunk_id: 1 for task in chunks}
    assert all(dispatch.events(task) == ["start", "end"] for task in chunks)
    assert dispatch.dispatcher.progress() == {
        "total": 200, "done": 200, "failed": 0, "rate": pytest.approx(dispatch.dispatcher.progress()["rate"], rel=0.5),
        "eta_seconds": 0.0, "workers": [],
    }  # fmt: skip


def test_no_more_than_a_window_is_handed_out(dispatch: Dispatch) -> None:
    dispatch.run([chunk(number) for number in range(100)], ScriptedRunner())
    assert dispatch.most_waiting <= 4


def test_what_may_pass_is_tried_again_with_the_attempt_counted(dispatch: Dispatch) -> None:
    runner = ScriptedRunner(failing(2, OSError(5, "Input/output error")))
    assert dispatch.run([chunk(0)], runner).statuses == {"success": 4}
    assert [chunk_try.attempt for chunk_try in runner.tries] == [1, 2, 3]
    assert dispatch.events(chunk(0)) == ["start", "failed"] * 2 + ["start", "end"]


def test_what_does_not_pass_is_given_up_with_rows_that_say_so(dispatch: Dispatch) -> None:
    totals = dispatch.run(
        [chunk(0), chunk(1)], ScriptedRunner(lambda chunk_try: 1 / 0 if chunk_try.chunk.chunk_id[-1] == "0" else None)
    )
    assert totals.statuses == {"success": 4, "failed": 4}
    rows = readable_rows(rows_file(dispatch.folder, chunk(0)))
    assert {(row.status, row.error_class, row.attempts) for row in rows.values()} == {
        ("failed", "ZeroDivisionError", 1)
    }
    assert dispatch.events(chunk(0)) == ["start", "failed", "given up"]


def test_a_device_that_failed_is_left_for_a_fresh_process(dispatch: Dispatch) -> None:
    runner = ScriptedRunner(failing(1, RuntimeError("CUDA error: device-side assert triggered")))
    dispatch.run([chunk(0)], runner)
    assert [chunk_try.fresh for chunk_try in runner.tries] == [False, True]


def test_tries_of_killed_runs_count_and_make_a_chunk_a_suspect(dispatch: Dispatch) -> None:
    Journal(dispatch.folder, chunk(0).chunk_id).note("start", attempt=1)
    runner = ScriptedRunner()
    assert dispatch.run([chunk(0), chunk(1)], runner).statuses == {"success": 8}
    seen = {chunk_try.chunk.chunk_id: (chunk_try.attempt, chunk_try.fresh) for chunk_try in runner.tries}
    assert seen == {chunk(0).chunk_id: (2, True), chunk(1).chunk_id: (1, False)}


def test_a_pair_that_kills_is_quarantined_and_the_others_are_made(dispatch: Dispatch) -> None:
    task = chunk(0)
    killer = task.rows[2].pair_id

    def answer(chunk_try: ChunkTry) -> None:
        if killer in (chunk_try.chunk.only or chunk_try.chunk.wanted):
            raise WorkerLost("The worker's process ended: SIGSEGV.", -11)

    totals = dispatch.run([task], ScriptedRunner(answer))
    assert totals.statuses == {"success": 3, "quarantined": 1}
    row = readable_rows(rows_file(dispatch.folder, task))[killer]
    assert (row.status, row.error_class) == ("quarantined", "PoisonPair")
    assert "SIGSEGV" in str(row.error_message)
    assert dispatch.events(task).count("quarantined") == 1


def test_what_is_settled_stays_so_where_the_rest_is_given_up(dispatch: Dispatch) -> None:
    """The pair that kills was found; then the storage fails for good."""
    task = chunk(0, pairs=6)
    killer = task.rows[0].pair_id

    def answer(chunk_try: ChunkTry) -> None:
        only = chunk_try.chunk.only or chunk_try.chunk.wanted
        if killer in only:
            raise WorkerLost("The worker's process ended: SIGSEGV.", -11)
        if task.rows[5].pair_id in only:
            raise OSError(5, "Input/output error")

    totals = dispatch.run([task], ScriptedRunner(answer))
    assert totals.statuses == {"success": 3, "quarantined": 1, "failed": 2}
    rows = readable_rows(rows_file(dispatch.folder, task))
    assert rows[killer].error_class == "PoisonPair"
    assert {rows[row.pair_id].status for row in task.rows[4:]} == {"failed"}


def test_a_worker_that_could_not_start_blames_no_pair(dispatch: Dispatch) -> None:
    totals = dispatch.run([chunk(0)], ScriptedRunner(failing(9, WorkerNotStarted("exit code 1"))))
    assert totals.statuses == {"failed": 4}, "which the next run tries again"


def test_trouble_with_the_journal_is_waited_out(dispatch: Dispatch, monkeypatch: pytest.MonkeyPatch) -> None:
    original, troubles = Journal.events, [OSError(116, "Stale file handle")]

    def events(journal: Journal) -> Any:
        if troubles:
            raise troubles.pop()
        return original(journal)

    monkeypatch.setattr(Journal, "events", events)
    assert dispatch.run([chunk(0)], ScriptedRunner()).statuses == {"success": 4}


def test_a_retry_that_is_due_does_not_keep_the_dispatcher_spinning(dispatch: Dispatch) -> None:
    """While the window is full: it would take the threads' time."""
    runner, first = ScriptedRunner(lambda chunk_try: None), threading.Event()

    def answer(chunk_try: ChunkTry) -> None:
        if not first.is_set():
            first.set()
            raise OSError(5, "Input/output error")
        time.sleep(1.0)

    runner.answer = answer
    began = time.thread_time()
    assert dispatch.run([chunk(number) for number in range(6)], runner).statuses == {"success": 24}
    assert time.thread_time() - began < 0.7


def test_a_full_disk_ends_the_run_and_no_new_chunk_is_begun(dispatch: Dispatch) -> None:
    runner = ScriptedRunner(failing(1, DiskFull("No space left")))
    with pytest.raises(DiskFull, match="No space left"):
        dispatch.run([chunk(number) for number in range(100)], runner)
    assert len(runner.tries) < 20, "some were faster than the news"
    assert dispatch.stop.is_set()


def test_asked_to_stop_it_waits_for_what_is_under_way(dispatch: Dispatch) -> None:
    runner = ScriptedRunner(lambda chunk_try: dispatch.stop.set())
    with pytest.raises(Interrupted):
        dispatch.run([chunk(number) for number in range(100)], runner)
    assert dispatch.waiting == 0
    assert len(runner.tries) < 20


def test_asked_to_stop_it_does_not_wait_for_what_was_put_off(
    dispatch: Dispatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "DELAYS", (3600.0,))
    threading.Timer(0.3, dispatch.stop.set).start()
    with pytest.raises(Interrupted):
        dispatch.run([chunk(0)], ScriptedRunner(failing(1, OSError(5, "Input/output error"))))
