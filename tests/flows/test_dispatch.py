"""The dispatcher against a crew of its own making: what it hands out, tries again, gives up; no Prefect, no engine."""

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

from flows.dispatch.chunk_tries import Terms, Totals
from flows.dispatch.dispatcher import Dispatcher
from flows.runners.base import Order, PairProgress
from nst_core.chunks import retry_policy as policy
from nst_core.chunks.work import ChunkReport, Work
from nst_core.config.run_config import Output, parse_config
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
class Scripted:
    """A crew that does what `answer` says of each order; notes what it was asked, and how much at a time."""

    answer: Callable[[Order], None] = lambda order: None
    size: int = 2
    name: str = "scripted"
    orders: list[Order] = field(default_factory=list)
    most: int = 0
    _at_work: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def make(self, order: Order, progress: PairProgress) -> ChunkReport:
        with self._lock:
            self.orders.append(order)
            self._at_work += 1
            self.most = max(self.most, self._at_work)
        try:
            self.answer(order)
        finally:
            with self._lock:
                self._at_work -= 1
        return ChunkReport(Counter(success=len(requested_ids(order.chunk))), TimeSpent(compute=1.0))

    def now(self) -> list[dict[str, object]]:
        return []

    def __enter__(self) -> Scripted:
        return self

    def __exit__(self, *error: object) -> None:
        pass


@dataclass
class Desk:
    """A dispatcher over a scripted crew, in a folder."""

    folder: Path
    stop: threading.Event = field(default_factory=threading.Event)
    waiting: int = 0
    most_waiting: int = 0

    def run(self, chunks: list[Chunk], crew: Scripted, retries: int = 2) -> Totals:
        work = Work(self.folder, RECIPE, None, Output(), ImageLimits(), ImageLimits(), "cpu")
        self.dispatcher = Dispatcher(work, crew, Terms(retries, None, self.stop.set, self.stop.is_set), self.hands)
        return self.dispatcher.run(chunks)

    def hands(self, chunk_id: str, attempt: int, call: Callable[[], Any]) -> None:
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
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setattr(policy, "DELAYS", (0.01,))
    return Desk(tmp_path)


def failing(times: int, error: BaseException) -> Callable[[Order], None]:
    """Fails so often, then no more."""
    left = [None] * times

    def answer(order: Order) -> None:
        if left:
            left.pop()
            raise error

    return answer


def test_every_chunk_is_made_once_and_noted(desk: Desk) -> None:
    crew, chunks = Scripted(), [chunk(number) for number in range(50)]
    totals = desk.run(chunks, crew)
    assert totals.statuses == {"success": 200}
    assert totals.spent.compute == 50.0
    assert Counter(order.chunk.chunk_id for order in crew.orders) == {task.chunk_id: 1 for task in chunks}
    assert all(desk.events(task) == ["start", "end"] for task in chunks)
    assert desk.dispatcher.now() == {
        "total": 200, "done": 200, "failed": 0, "rate": pytest.approx(desk.dispatcher.now()["rate"], rel=0.5),
        "eta_seconds": 0.0, "workers": [],
    }  # fmt: skip


def test_no_more_than_a_window_is_handed_out(desk: Desk) -> None:
    desk.run([chunk(number) for number in range(100)], Scripted())
    assert desk.most_waiting <= 4


def test_what_may_pass_is_tried_again_with_the_attempt_counted(desk: Desk) -> None:
    crew = Scripted(failing(2, OSError(5, "Input/output error")))
    assert desk.run([chunk(0)], crew).statuses == {"success": 4}
    assert [order.attempt for order in crew.orders] == [1, 2, 3]
    assert desk.events(chunk(0)) == ["start", "failed"] * 2 + ["start", "end"]


def test_what_does_not_pass_is_given_up_with_rows_that_say_so(desk: Desk) -> None:
    totals = desk.run([chunk(0), chunk(1)], Scripted(lambda order: 1 / 0 if order.chunk.chunk_id[-1] == "0" else None))
    assert totals.statuses == {"success": 4, "failed": 4}
    rows = readable_rows(rows_file(desk.folder, chunk(0)))
    assert {(row.status, row.error_class, row.attempts) for row in rows.values()} == {
        ("failed", "ZeroDivisionError", 1)
    }
    assert desk.events(chunk(0)) == ["start", "failed", "given up"]


def test_a_device_that_failed_is_left_for_a_fresh_process(desk: Desk) -> None:
    crew = Scripted(failing(1, RuntimeError("CUDA error: device-side assert triggered")))
    desk.run([chunk(0)], crew)
    assert [order.fresh for order in crew.orders] == [False, True]


def test_tries_of_killed_runs_count_and_make_a_chunk_a_suspect(desk: Desk) -> None:
    Journal(desk.folder, chunk(0).chunk_id).note("start", attempt=1)
    crew = Scripted()
    assert desk.run([chunk(0), chunk(1)], crew).statuses == {"success": 8}
    seen = {order.chunk.chunk_id: (order.attempt, order.fresh) for order in crew.orders}
    assert seen == {chunk(0).chunk_id: (2, True), chunk(1).chunk_id: (1, False)}


def test_a_pair_that_kills_is_quarantined_and_the_others_are_made(desk: Desk) -> None:
    task = chunk(0)
    killer = task.rows[2].pair_id

    def answer(order: Order) -> None:
        if killer in (order.chunk.only or order.chunk.wanted):
            raise WorkerLost("The worker's process ended: SIGSEGV.", -11)

    totals = desk.run([task], Scripted(answer))
    assert totals.statuses == {"success": 3, "quarantined": 1}
    row = readable_rows(rows_file(desk.folder, task))[killer]
    assert (row.status, row.error_class) == ("quarantined", "PoisonPair")
    assert "SIGSEGV" in str(row.error_message)
    assert desk.events(task).count("quarantined") == 1


def test_what_is_settled_stays_so_where_the_rest_is_given_up(desk: Desk) -> None:
    """The pair that kills was found; then the storage fails for good."""
    task = chunk(0, pairs=6)
    killer = task.rows[0].pair_id

    def answer(order: Order) -> None:
        only = order.chunk.only or order.chunk.wanted
        if killer in only:
            raise WorkerLost("The worker's process ended: SIGSEGV.", -11)
        if task.rows[5].pair_id in only:
            raise OSError(5, "Input/output error")

    totals = desk.run([task], Scripted(answer))
    assert totals.statuses == {"success": 3, "quarantined": 1, "failed": 2}
    rows = readable_rows(rows_file(desk.folder, task))
    assert rows[killer].error_class == "PoisonPair"
    assert {rows[row.pair_id].status for row in task.rows[4:]} == {"failed"}


def test_a_worker_that_could_not_start_blames_no_pair(desk: Desk) -> None:
    totals = desk.run([chunk(0)], Scripted(failing(9, WorkerNotStarted("exit code 1"))))
    assert totals.statuses == {"failed": 4}, "which the next run tries again"


def test_trouble_with_the_journal_is_waited_out(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    original, troubles = Journal.events, [OSError(116, "Stale file handle")]

    def events(journal: Journal) -> Any:
        if troubles:
            raise troubles.pop()
        return original(journal)

    monkeypatch.setattr(Journal, "events", events)
    assert desk.run([chunk(0)], Scripted()).statuses == {"success": 4}


def test_a_retry_that_is_due_does_not_keep_the_dispatcher_spinning(desk: Desk) -> None:
    """While the window is full: it would take the threads' time."""
    crew, first = Scripted(lambda order: None), threading.Event()

    def answer(order: Order) -> None:
        if not first.is_set():
            first.set()
            raise OSError(5, "Input/output error")
        time.sleep(1.0)

    crew.answer = answer
    began = time.thread_time()
    assert desk.run([chunk(number) for number in range(6)], crew).statuses == {"success": 24}
    assert time.thread_time() - began < 0.7


def test_a_full_disk_ends_the_run_and_no_new_chunk_is_begun(desk: Desk) -> None:
    crew = Scripted(failing(1, DiskFull("No space left")))
    with pytest.raises(DiskFull, match="No space left"):
        desk.run([chunk(number) for number in range(100)], crew)
    assert len(crew.orders) < 20, "some were faster than the news"
    assert desk.stop.is_set()


def test_asked_to_stop_it_waits_for_what_is_under_way(desk: Desk) -> None:
    crew = Scripted(lambda order: desk.stop.set())
    with pytest.raises(Interrupted):
        desk.run([chunk(number) for number in range(100)], crew)
    assert desk.waiting == 0
    assert len(crew.orders) < 20


def test_asked_to_stop_it_does_not_wait_for_what_was_put_off(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy, "DELAYS", (3600.0,))
    threading.Timer(0.3, desk.stop.set).start()
    with pytest.raises(Interrupted):
        desk.run([chunk(0)], Scripted(failing(1, OSError(5, "Input/output error"))))
