"""The lock of a run folder on a file system: the living are never disturbed, the dead never in the way."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from lock_trial import LEAVE_A_CHILD, another_process, elsewhere, held, kill, killed, taken, until, write

from nst_core.errors import DiskFull, Interrupted, RunFolderError
from nst_core.run_folder.lock import files as lock_files
from nst_core.run_folder.lock import record as lock_record
from nst_core.run_folder.lock.acquisition import RUN_LOCK, LockAcquirer
from nst_core.run_folder.lock.files import FileLocks
from nst_core.run_folder.lock.record import Owner, Record
from nst_core.run_folder.lock.run_lock import hold, read_holders


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock_record, "BEAT_SECONDS", 0.05)
    monkeypatch.setattr(lock_record, "STALE_SECONDS", 0.6)
    monkeypatch.setattr(lock_files, "GRACE_SECONDS", 0.05)


class TestOnOneMachine:
    def test_a_second_process_is_refused_and_told_who_holds_it(self, tmp_path: Path) -> None:
        with another_process(tmp_path) as process:
            who = rf"It is pid {process.pid} on \S+, since \d{{4}}-\S+, and last showed life \d+ s ago\."
            with pytest.raises(
                RunFolderError, match=r"Another nst process is working in .*: wait for it to end\. " + who
            ):
                taken(tmp_path)

    def test_a_killed_owner_is_followed_with_a_message(self, tmp_path: Path) -> None:
        with another_process(tmp_path) as process:
            kill(process)
            (said,) = taken(tmp_path)
        assert said.startswith(f"The process that held {tmp_path} (pid {process.pid} on ")
        assert said.endswith(") is dead: its lock was taken over.")

    def test_a_clean_end_leaves_an_empty_file_and_no_message(self, tmp_path: Path) -> None:
        assert taken(tmp_path) == []
        assert (tmp_path / ".lock").read_bytes() == b""
        assert taken(tmp_path) == []

    def test_it_is_given_back_after_an_error(self, tmp_path: Path) -> None:
        with pytest.raises(KeyError), held(tmp_path):
            raise KeyError
        assert taken(tmp_path) == []

    def test_a_child_that_outlives_its_killed_run_keeps_the_lock(self, tmp_path: Path) -> None:
        with another_process(tmp_path, work=LEAVE_A_CHILD) as process:
            assert process.stdout is not None
            child = int(process.stdout.readline())
            kill(process)
            try:
                left_behind = rf"It was left behind by pid {process.pid} .*, which is dead, and still has its lock\."
                with pytest.raises(RunFolderError, match=left_behind):
                    taken(tmp_path)
                (holder,) = read_holders(tmp_path)
                assert holder.alive
            finally:
                os.kill(child, signal.SIGKILL)
            until(lambda: read_holders(tmp_path)[0].alive is False)
            assert len(taken(tmp_path)) == 1

    def test_looking_at_a_lock_keeps_nobody_out(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(lock_files, "GRACE_SECONDS", 5.0)
        taken(tmp_path)
        done = threading.Event()

        def inspect() -> None:
            while not done.is_set():
                read_holders(tmp_path)

        with ThreadPoolExecutor() as pool:
            looks = [pool.submit(inspect) for _ in range(3)]
            try:
                for _ in range(20):
                    taken(tmp_path)
            finally:
                done.set()
            assert [look.result() for look in looks] == [None, None, None]

    @pytest.mark.parametrize("jump", [-1e6, 1e6])
    def test_a_clock_that_jumps_changes_nothing(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jump: float
    ) -> None:
        now = time.time
        with another_process(tmp_path) as process:
            monkeypatch.setattr(time, "time", lambda: now() + jump)
            os.utime(tmp_path / ".lock", (now() + jump, now() + jump))
            with pytest.raises(RunFolderError, match=r"last showed life \d s ago"):
                taken(tmp_path)
            kill(process)
            assert len(taken(tmp_path)) == 1

    def test_bytes_of_a_power_cut_are_nobody(self, tmp_path: Path) -> None:
        (tmp_path / ".lock").write_bytes(b"\0" * 300)
        assert taken(tmp_path) == []

    def test_a_file_system_without_locks_is_told_as_such(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def flock(*_arguments: object) -> None:
            raise OSError(38, "Function not implemented")

        monkeypatch.setattr("fcntl.flock", flock)
        with pytest.raises(RunFolderError, match=r"has no file locks \(flock: Function not implemented\): mount it"):
            taken(tmp_path)

    def test_a_full_disk_is_told_as_such(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def pwrite(*_arguments: object) -> int:
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(os, "pwrite", pwrite)
            with pytest.raises(DiskFull):
                taken(tmp_path)
        assert taken(tmp_path) == []


class TestHeartbeat:
    def test_the_file_names_its_owner_and_the_beat_counts_up_with_the_progress(self, tmp_path: Path) -> None:
        with held(tmp_path) as mine:
            first = json.loads((tmp_path / ".lock").read_bytes())
            assert {"host", "boot", "pid", "started", "token", "shard"} <= first["owner"].keys()
            assert (first["owner"]["pid"], first["beat"], first["progress"]) == (os.getpid(), 0, None)
            mine.report(lambda: {"done": 3, "workers": [{"name": "cpu-0", "pairs": 8}]})
            until(lambda: read_holders(tmp_path)[0].beat > 1)
            assert read_holders(tmp_path)[0].progress == {"done": 3, "workers": [{"name": "cpu-0", "pairs": 8}]}
            mine.report(lambda: {"done": 4})  # shorter: nothing of the longer one may be left
            until(lambda: read_holders(tmp_path)[0].progress == {"done": 4})

    @pytest.mark.parametrize("account", [lambda: 1 / 0, lambda: {"rate": float("nan")}, lambda: {"path": Path()}])
    def test_progress_that_cannot_be_told_stops_no_beat(self, tmp_path: Path, account: object) -> None:
        with held(tmp_path) as mine:
            mine.report(account)  # type: ignore[arg-type]
            until(lambda: read_holders(tmp_path)[0].beat > 1)
            assert read_holders(tmp_path)[0].progress is None

    def test_a_fault_of_the_file_system_stops_no_beat(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        failed = threading.Event()

        def fsync(_descriptor: int) -> None:
            failed.set()
            raise OSError(5, "Input/output error")

        with held(tmp_path) as mine:
            with monkeypatch.context() as patch:
                patch.setattr(os, "fsync", fsync)
                assert failed.wait(10)
            beat = read_holders(tmp_path)[0].beat
            until(lambda: read_holders(tmp_path)[0].beat > beat + 1)
            mine.check()

    def test_who_finds_another_in_its_lock_stops_and_leaves_it_alone(self, tmp_path: Path) -> None:
        called = threading.Event()

        def work() -> None:
            with held(tmp_path) as mine:
                mine.when_lost(called.set)
                write(tmp_path / ".lock", Record(elsewhere()))
                assert mine.lost.wait(10)

        with pytest.raises(RunFolderError, match=r"was taken over by another process \(pid 4242 on node7.*has stopped"):
            work()
        assert called.wait(10)
        (holder,) = read_holders(tmp_path)
        assert holder.owner is not None
        assert holder.owner.host == "node7"

    @pytest.mark.parametrize(("error", "told"), [(None, RunFolderError), (KeyError(), KeyError)])
    def test_who_finds_its_lock_removed_stops_but_hides_no_error_of_the_work(
        self, tmp_path: Path, error: Exception | None, told: type[Exception]
    ) -> None:
        def work() -> None:
            with held(tmp_path) as mine:
                (tmp_path / ".lock").unlink()
                assert mine.lost.wait(10)
                if error:
                    raise error

        with pytest.raises(told):
            work()


class TestAnotherMachine:
    """Its kernel's locks do not reach us: only its beat tells."""

    def test_who_shows_life_is_left_alone(self, tmp_path: Path) -> None:
        owner, done = elsewhere(), threading.Event()
        write(tmp_path / ".lock", Record(owner))

        def beat() -> None:
            number = 0
            while not done.wait(0.05):
                number += 1
                write(tmp_path / ".lock", Record(owner, number))

        with ThreadPoolExecutor() as pool:
            beating = pool.submit(beat)
            try:
                with pytest.raises(
                    RunFolderError, match=r"It is pid 4242 on node7, since 2026-01-02T03:04:05.*, and shows"
                ):
                    taken(tmp_path)
            finally:
                done.set()
            beating.result()

    def test_who_shows_none_is_watched_and_then_followed(self, tmp_path: Path) -> None:
        write(tmp_path / ".lock", Record(elsewhere(), 17))
        started = time.monotonic()
        watching, over = taken(tmp_path)
        assert time.monotonic() - started >= 0.6
        assert "was left to another machine (pid 4242 on node7" in watching
        assert "is dead: its lock was taken over" in over

    @pytest.mark.parametrize("jump", [-1e6, 1e6])
    def test_a_clock_that_jumps_shortens_no_watch(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jump: float
    ) -> None:
        write(tmp_path / ".lock", Record(elsewhere(), 17, at=1e12))
        now = time.time
        monkeypatch.setattr(time, "time", lambda: now() + jump)
        started = time.monotonic()
        assert len(taken(tmp_path)) == 2
        assert 0.6 <= time.monotonic() - started < 5

    def test_a_restarted_machine_is_another_one(self, tmp_path: Path) -> None:
        write(tmp_path / ".lock", Record(replace(Owner.this_process(), boot="before", pid=os.getpid())))
        assert len(taken(tmp_path)) == 2

    def test_what_cannot_be_read_is_watched_too(self, tmp_path: Path) -> None:
        (tmp_path / ".lock").write_bytes(b'{"owner": "of a later version"}')
        watching, _ = taken(tmp_path)
        assert "an unknown machine" in watching

    def test_of_two_that_wait_for_a_dead_one_one_wins(self, tmp_path: Path) -> None:
        write(tmp_path / ".lock", Record(elsewhere()))
        barrier = threading.Barrier(2)

        def follow() -> str:
            barrier.wait()
            try:
                with held(tmp_path):
                    time.sleep(1.5)
                    return "won"
            except RunFolderError:
                return "refused"

        with ThreadPoolExecutor(2) as pool:
            assert sorted(future.result() for future in [pool.submit(follow), pool.submit(follow)]) == [
                "refused",
                "won",
            ]

    def test_the_watch_ends_when_asked_to_stop(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(lock_record, "STALE_SECONDS", 60.0)
        write(tmp_path / ".lock", Record(elsewhere()))
        with pytest.raises(Interrupted):
            LockAcquirer(FileLocks(tmp_path), None, lambda _: None, stopped=lambda: True).acquire(RUN_LOCK)


class TestReadHolders:
    def test_nobody(self, tmp_path: Path) -> None:
        assert read_holders(tmp_path / "nowhere") == []
        taken(tmp_path)
        assert read_holders(tmp_path) == []

    def test_the_living_and_the_dead(self, tmp_path: Path) -> None:
        with another_process(tmp_path) as process:
            until(lambda: read_holders(tmp_path)[0].progress)
            (holder,) = read_holders(tmp_path)
            assert holder.owner is not None
            assert (holder.owner.pid, holder.alive, holder.shard) == (process.pid, True, None)
            assert holder.progress == {"total": 64, "done": 16}
            assert holder.silent_seconds is not None
            assert holder.silent_seconds < 10
        (holder,) = read_holders(tmp_path)
        assert (holder.alive, holder.progress) == (False, {"total": 64, "done": 16})

    def test_another_machine_is_unknown_at_one_look(self, tmp_path: Path) -> None:
        write(tmp_path / ".lock", Record(elsewhere(), 5))
        (holder,) = read_holders(tmp_path)
        assert (holder.alive, holder.silent_seconds, holder.beat) == (None, None, 5)


def test_a_killed_run_and_a_local_upath_are_the_same_folder(tmp_path: Path) -> None:
    upath = pytest.importorskip("upath")
    killed(tmp_path)
    assert len(taken(upath.UPath(f"file://{tmp_path}"))) == 1
    with hold(upath.UPath(tmp_path)), pytest.raises(RunFolderError):
        taken(tmp_path)
