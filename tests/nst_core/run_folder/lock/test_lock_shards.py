"""Shards share a run folder with each other and with nobody else, on file systems and in stores alike."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from lock_trial import another_process, elsewhere, held, kill, taken, write

from nst_core.errors import Interrupted, RunFolderError
from nst_core.run_folder.lock import files as lock_files
from nst_core.run_folder.lock import record as lock_record
from nst_core.run_folder.lock.record import Record
from nst_core.run_folder.lock.run_lock import read_holders


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock_record, "BEAT_SECONDS", 0.05)
    monkeypatch.setattr(lock_record, "STALE_SECONDS", 0.6)
    monkeypatch.setattr(lock_files, "GRACE_SECONDS", 0.05)


@pytest.fixture(params=["files", "objects"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    """A run folder on a file system, or in a store."""
    if request.param == "files":
        yield tmp_path
        return
    folder = pytest.importorskip("upath").UPath(f"memory://runs/{tmp_path.name}")
    yield folder
    folder.fs.rm("/runs", recursive=True) if folder.fs.exists("/runs") else None


@pytest.mark.parametrize(
    ("first", "second", "reason"),
    [
        ("", "", r"Another nst process is working in .*: wait for it to end\. It is pid"),
        ("", "2/8", r"Another nst process is working in .*: wait for it to end\. It is pid"),
        ("2/8", "", r"Shard 2/8 of another nst run is working in .*: wait for all shards to end\. It is pid"),
        (
            "2/8",
            "2/8",
            r"Another nst process is making shard 2/8 in .* already: give this one another number\. It is pid",
        ),
        ("2/8", "3/4", r"Shard 2/8 is working in .*, so it is being made in 8 shards, not in 4: give --shard i/8"),
    ],
)
def test_who_does_not_go_with_whom(root: Any, first: str, second: str, reason: str) -> None:
    with held(root, first):
        with pytest.raises(RunFolderError, match=reason):
            taken(root, second)
        (holder,) = read_holders(root)
        assert holder.alive
    assert taken(root, second) == []
    assert read_holders(root) == []


def test_shards_of_one_run_work_side_by_side(root: Any) -> None:
    with held(root, "2/8"), held(root, "1/8"), held(root, "8/8"):
        assert [str(holder.shard) for holder in read_holders(root)] == ["1/8", "2/8", "8/8"]
    assert read_holders(root) == []


def test_shards_that_start_at_once_all_start(root: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    barrier, together = threading.Barrier(6), threading.Barrier(6)

    def work(index: int) -> None:
        barrier.wait()
        with held(root, f"{index}/6"):
            together.wait(20)

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(work, range(1, 7))) == [None] * 6


def test_planning_and_finishing_are_done_in_turns(root: Any) -> None:
    inside, most = [], []

    def work(index: int) -> None:
        with held(root, f"{index}/4") as mine, mine.exclusively():
            inside.append(index)
            most.append(len(inside))
            time.sleep(0.1)
            inside.remove(index)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(1, 5)))
    assert most == [1, 1, 1, 1]


def test_a_shard_does_not_wait_for_ever_and_stops_when_asked(root: Any) -> None:
    with held(root, "1/2") as one, held(root, "2/2") as two, one.exclusively():
        with pytest.raises(RunFolderError, match="Another shard is still planning or finishing"):
            two.exclusively(wait=0.2).__enter__()
        with pytest.raises(Interrupted):
            two.exclusively(stopped=lambda: True).__enter__()


def test_a_run_that_has_the_folder_for_itself_never_waits(root: Any) -> None:
    with held(root) as mine, mine.exclusively(), mine.exclusively():
        assert [holder.shard for holder in read_holders(root)] == [None]


def test_half_written_files_are_cleared_only_while_nobody_else_can_be_writing(root: Any) -> None:
    cleared: list[str] = []
    with (
        held(root, "1/3", lambda: cleared.append("first")),
        held(root, "2/3", lambda: cleared.append("second")),
        held(root, "3/3", lambda: cleared.append("third")),
    ):
        assert cleared == ["first"]
    with held(root, "3/3", lambda: cleared.append("alone again")):
        pass
    with held(root, "", lambda: cleared.append("run")):
        pass
    assert cleared == ["first", "alone again", "run"]


def test_a_shard_knows_whether_it_is_alone(root: Any) -> None:
    with held(root, "1/3") as one:
        with held(root, "2/3") as two, two.exclusively():
            assert not one.alone()
            assert not two.alone()
        assert one.alone()
    with held(root) as whole:
        assert whole.alone()


class TestTheDead:
    def test_a_killed_shard_is_followed_by_the_same_one(self, tmp_path: Path) -> None:
        with another_process(tmp_path, "2/8") as process:
            kill(process)
            (said,) = taken(tmp_path, "2/8")
        assert f"The process that held shard 2/8 of {tmp_path} (pid {process.pid} on " in said

    @pytest.mark.parametrize(("before", "after"), [("2/8", ""), ("", "2/8"), ("2/8", "1/4")])
    def test_killed_ones_are_in_nobody_s_way(self, tmp_path: Path, before: str, after: str) -> None:
        with another_process(tmp_path, before) as process:
            with pytest.raises(RunFolderError):
                taken(tmp_path, after)
            kill(process)
        (said,) = taken(tmp_path, after)
        assert f"(pid {process.pid} on " in said
        assert read_holders(tmp_path) == []

    def test_a_shard_killed_while_it_planned_stops_no_other(self, tmp_path: Path) -> None:
        with another_process(
            tmp_path, "1/2", "held.exclusively().__enter__()\nprint('planning', flush=True)"
        ) as process:
            assert process.stdout is not None
            process.stdout.readline()
            kill(process)
        with held(tmp_path, "2/2") as mine, mine.exclusively(wait=0):
            pass

    def test_a_killed_fellow_leaves_a_shard_alone(self, tmp_path: Path) -> None:
        with another_process(tmp_path, "1/2") as process:
            kill(process)
        cleared: list[bool] = []
        with held(tmp_path, "2/2", lambda: cleared.append(True)):
            assert cleared == [True]
            assert [(str(h.shard), h.alive) for h in read_holders(tmp_path)] == [("1/2", False), ("2/2", True)]

    def test_many_dead_shards_of_other_machines_are_watched_at_once(self, tmp_path: Path) -> None:
        for index in range(1, 9):
            write(tmp_path / f".lock.shard-{index}-of-8", Record(elsewhere(f"{index}/8")))
        started = time.monotonic()
        watching, *followed = taken(tmp_path)
        assert time.monotonic() - started < 8 * 0.6
        assert watching.count("pid 4242 on node7") == 8
        assert len(followed) == 8

    def test_a_fellow_on_another_machine_is_neither_waited_for_nor_counted_as_dead(self, tmp_path: Path) -> None:
        write(tmp_path / ".lock.shard-1-of-2", Record(elsewhere("1/2")))
        cleared: list[bool] = []
        with held(tmp_path, "2/2", lambda: cleared.append(True)):
            assert cleared == []
            assert [(str(h.shard), h.alive) for h in read_holders(tmp_path)] == [("1/2", None), ("2/2", True)]

    def test_one_that_dies_while_others_wait_for_it_is_followed(self, tmp_path: Path) -> None:
        planner, done = elsewhere("1/2"), threading.Event()

        def beat_and_die() -> None:
            for number in range(10):
                write(tmp_path / ".lock.plan", Record(planner, number))
                done.wait(0.05)

        with held(tmp_path, "2/2") as mine, ThreadPoolExecutor() as pool:
            write(tmp_path / ".lock.plan", Record(planner))
            beating = pool.submit(beat_and_die)
            with mine.exclusively(wait=20):
                assert beating.done()
