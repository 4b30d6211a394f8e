"""The lock of a run folder in an object store: `memory://` in this process, and S3 as moto's server speaks it."""

from __future__ import annotations

import os
import signal
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from lock_trial import LEAVE_A_CHILD, another_process, elsewhere, held, kill, taken, until

from nst_core.errors import RunFolderError
from nst_core.run_folder.lock import files as lock_files
from nst_core.run_folder.lock import object_requests as lock_requests
from nst_core.run_folder.lock import record as lock_record
from nst_core.run_folder.lock.objects import ObjectLocks
from nst_core.run_folder.lock.record import LockLost, LockUnavailable, Owner, Record, parse_record
from nst_core.run_folder.lock.run_lock import read_holders

UPath = pytest.importorskip("upath").UPath


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(lock_record, "BEAT_SECONDS", 0.05)
    monkeypatch.setattr(lock_record, "STALE_SECONDS", 0.6)
    monkeypatch.setattr(lock_files, "GRACE_SECONDS", 0.05)
    on_machine("a", tmp_path, monkeypatch)


def on_machine(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on this process plays another machine: one that has no guard in common with the others."""
    (tmp_path / name).mkdir(exist_ok=True)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / name))
    monkeypatch.setenv("TMPDIR", str(tmp_path / name))


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """An S3 service on this machine."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        type(UPath("s3://runs").fs).clear_instance_cache()  # clients of a server that is gone
        UPath("s3://runs").fs.makedirs("runs", exist_ok=True)  # moto remembers it for as long as this process lives
        yield "s3://runs"
    server.stop()


@pytest.fixture(params=["memory", "s3"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    base = "memory://runs" if request.param == "memory" else request.getfixturevalue("s3")
    folder = UPath(f"{base}/{tmp_path.name}")
    yield folder
    leftovers = [path.name for path in folder.iterdir()] if folder.exists() else []
    for name in leftovers:
        (folder / name).unlink()


@pytest.fixture
def bucket(s3: str, tmp_path: Path) -> Any:
    return UPath(f"{s3}/{tmp_path.name}")


def left_by(owner: Owner, root: Any, beat: int = 3) -> None:
    root.fs.pipe_file(f"{root.path}/.lock", Record(owner, beat).to_bytes())


def owner_in(root: Any, name: str = ".lock") -> str | None:
    record = ObjectLocks(root).read(name)
    return record.owner.token if record else None


class TestHold:
    def test_a_second_run_is_refused_and_the_object_goes_at_the_end(self, root: Any) -> None:
        with held(root):
            with pytest.raises(RunFolderError, match=r"Another nst process is working in .* It is pid \d+"):
                taken(root)
            assert root.fs.exists(f"{root.path}/.lock")
        assert ObjectLocks(root).names() == []
        assert taken(root) == []

    def test_the_beat_counts_up_with_the_progress(self, root: Any) -> None:
        with held(root) as mine:
            mine.report(lambda: {"done": 3})
            until(lambda: read_holders(root)[0].beat > 2)
            assert read_holders(root)[0].progress == {"done": 3}

    def test_a_living_owner_on_another_machine_is_left_alone(
        self, root: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with held(root) as mine:
            on_machine("b", tmp_path, monkeypatch)
            assert read_holders(root)[0].alive is None
            with pytest.raises(RunFolderError, match="Another nst process is working in"):
                taken(root)
            mine.check()

    def test_a_silent_owner_on_another_machine_is_followed_with_a_message(self, root: Any) -> None:
        left_by(elsewhere(), root)
        started = time.monotonic()
        watching, over = taken(root)
        assert time.monotonic() - started >= 0.6
        assert "pid 4242 on node7" in watching
        assert over.endswith("is dead: its lock was taken over.")
        assert ObjectLocks(root).names() == []

    def test_who_finds_another_in_its_lock_stops_and_leaves_it_alone(self, root: Any) -> None:
        other = elsewhere()

        def work() -> None:
            with held(root) as mine:
                left_by(other, root)
                assert mine.lost.wait(10)

        with pytest.raises(RunFolderError, match=r"was taken over by another process \(pid 4242 on node7"):
            work()
        assert owner_in(root) == other.token

    def test_a_store_out_of_reach_for_a_while_stops_no_beat(self, root: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        failed = threading.Event()

        def read(*_arguments: object) -> object:
            failed.set()
            raise OSError("out of reach")

        with held(root) as mine:
            with monkeypatch.context() as patch:
                patch.setattr(lock_requests.ObjectRequests, "read", read)
                assert failed.wait(10)
            beat = read_holders(root)[0].beat
            until(lambda: read_holders(root)[0].beat > beat + 1)
            mine.check()

    def test_a_bucket_that_is_not_there_is_told_in_a_sentence(self, s3: str) -> None:
        with pytest.raises(RunFolderError, match=r"The run folder s3://nowhere/run cannot be used \(.*bucket"):
            taken(UPath("s3://nowhere/run"))


class TestProcesses:
    def test_a_killed_owner_on_this_machine_is_followed_at_once(self, bucket: Any) -> None:
        with another_process(bucket) as process:
            with pytest.raises(RunFolderError, match=f"It is pid {process.pid} on .*last showed life"):
                taken(bucket)
            assert read_holders(bucket)[0].alive
            kill(process)
            assert read_holders(bucket)[0].alive is False
            (said,) = taken(bucket)
        assert f"pid {process.pid} on " in said

    def test_a_child_that_outlives_its_killed_run_keeps_the_lock(self, bucket: Any) -> None:
        with another_process(bucket, work=LEAVE_A_CHILD) as process:
            assert process.stdout is not None
            child = int(process.stdout.readline())
            kill(process)
            try:
                with pytest.raises(RunFolderError, match=f"It was left behind by pid {process.pid} "):
                    taken(bucket)
            finally:
                os.kill(child, signal.SIGKILL)
            until(lambda: read_holders(bucket)[0].alive is False)
            assert len(taken(bucket)) == 1


class TestTwoTakers:
    """`first` and `second` run on different machines; both know that the owner in the lock is dead."""

    @pytest.fixture
    def dead(self, root: Any) -> Owner:
        owner = elsewhere()
        left_by(owner, root)
        return owner

    @pytest.fixture
    def first(self, root: Any, tmp_path: Path) -> ObjectLocks:
        return ObjectLocks(root, tmp_path)

    @pytest.fixture
    def second(self, root: Any, tmp_path: Path) -> ObjectLocks:
        (tmp_path / "second").mkdir()
        return ObjectLocks(root, tmp_path / "second")

    def test_that_run_at_once_one_wins(self, root: Any, dead: Owner, first: ObjectLocks, second: ObjectLocks) -> None:
        barrier = threading.Barrier(2)

        def acquire(locks: ObjectLocks) -> str | None:
            barrier.wait()
            try:
                return locks.acquire(".lock", Owner.this_process(), {dead.token}).owner.token
            except LockUnavailable:
                return None

        with ThreadPoolExecutor(2) as pool:
            winners = [token for token in pool.map(acquire, [first, second]) if token]
        assert winners == [owner_in(root)]
        assert root.fs.ls(root.path, detail=False) == [f"{root.path}/.lock"]

    def test_the_one_that_slept_before_its_claim_takes_nothing(
        self, root: Any, dead: Owner, first: ObjectLocks, second: ObjectLocks, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tokens: list[str] = []
        create = second._requests.create

        def slept(name: str, record: Record) -> str | None:
            tokens.append(first.acquire(".lock", Owner.this_process(), {dead.token}).owner.token)
            return create(name, record)

        monkeypatch.setattr(second._requests, "create", slept)
        with pytest.raises(LockUnavailable):
            second.acquire(".lock", Owner.this_process(), {dead.token})
        assert tokens == [owner_in(root)]

    def test_one_that_died_after_its_claim_is_followed(self, root: Any, dead: Owner, first: ObjectLocks) -> None:
        claim = f"{root.path}/.lock.from-{dead.token}"
        root.fs.pipe_file(claim, Record(elsewhere()).to_bytes())
        mine = first.acquire(".lock", Owner.this_process(), {dead.token})
        assert owner_in(root) == mine.owner.token
        assert root.fs.ls(root.path, detail=False) == [f"{root.path}/.lock"]

    def test_what_one_that_died_at_the_very_end_left_is_tidied(self, root: Any) -> None:
        root.fs.pipe_file(f"{root.path}/.lock.from-0123456789abcdef", Record(elsewhere()).to_bytes())
        assert taken(root) == []
        assert ObjectLocks(root)._requests.names() == []


class TestConditions:
    def test_on_s3_a_taker_that_slept_after_its_last_look_overwrites_nobody(
        self, bucket: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        dead, locks, tokens = elsewhere(), ObjectLocks(bucket, tmp_path), []
        left_by(dead, bucket)
        replace = locks._requests.replace

        def slept(name: str, record: Record, version: str | None) -> str | None:
            winner = Owner.this_process()
            tokens.append(winner.token)
            left_by(winner, bucket)
            return replace(name, record, version)

        monkeypatch.setattr(locks._requests, "replace", slept)
        with pytest.raises(LockUnavailable):
            locks.acquire(".lock", Owner.this_process(), {dead.token})
        assert tokens == [owner_in(bucket)]

    def test_on_s3_an_owner_that_slept_before_its_beat_overwrites_nobody(
        self, bucket: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        locks, winner = ObjectLocks(bucket, tmp_path), elsewhere()
        claim = locks.acquire(".lock", Owner.this_process())
        replace = locks._requests.replace

        def slept(name: str, record: Record, version: str | None) -> str | None:
            left_by(winner, bucket)
            return replace(name, record, version)

        monkeypatch.setattr(locks._requests, "replace", slept)
        with pytest.raises(LockLost):
            claim.beat(Record(claim.owner, 1))
        assert owner_in(bucket) == winner.token

    def test_a_beat_whose_answer_was_lost_is_no_lost_lock(
        self, bucket: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        locks = ObjectLocks(bucket, tmp_path)
        claim = locks.acquire(".lock", Owner.this_process())
        left_by(claim.owner, bucket, beat=1)  # it went through, and we do not know the version
        claim.beat(Record(claim.owner, 2))
        claim.beat(Record(claim.owner, 3))
        record = locks.read(".lock")
        assert record is not None
        assert record.beat == 3

    def test_a_create_that_was_sent_twice_is_ours(
        self, root: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        pipe_file = root.fs.pipe_file

        def twice(path: str, data: bytes, **options: Any) -> Any:
            pipe_file(path, data, **options)
            return pipe_file(path, data, **options)

        monkeypatch.setattr(root.fs, "pipe_file", twice)
        claim = ObjectLocks(root, tmp_path).acquire(".lock", Owner.this_process())
        assert owner_in(root) == claim.owner.token

    @pytest.mark.parametrize("protocol", ["s3", "ftp"])
    def test_a_store_that_knows_no_conditions_gets_time_to_show_who_was_last(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, protocol: str
    ) -> None:
        """`s3`: a service that accepts conditions and does not look at them."""
        objects = UnconditionalStore()
        root = SimpleNamespace(fs=objects, path="/run", protocol=protocol)
        other = elsewhere()
        slept: list[float] = []

        def sleep(seconds: float) -> None:
            slept.append(seconds)
            if len(slept) == 1:
                objects.pipe_file("/run/.lock", Record(other).to_bytes())

        monkeypatch.setattr(lock_requests.time, "sleep", sleep)
        with pytest.raises(LockUnavailable):
            ObjectLocks(root, tmp_path).acquire(".lock", Owner.this_process())
        record = parse_record(objects.contents["/run/.lock"])
        assert record is not None
        assert record.owner == other
        objects.contents.clear()
        claim = ObjectLocks(root, tmp_path).acquire(".lock", Owner.this_process())
        claim.beat(Record(claim.owner, 1))
        assert slept == [lock_requests.SETTLE_SECONDS] * 2


class UnconditionalStore:
    """Overwrites whatever is there, whatever the conditions."""

    def __init__(self) -> None:
        self.contents: dict[str, bytes] = {}

    def pipe_file(self, path: str, data: bytes, **_conditions: object) -> None:
        self.contents[path] = data

    def cat_file(self, path: str) -> bytes:
        try:
            return self.contents[path]
        except KeyError:
            raise FileNotFoundError(path) from None

    def info(self, path: str, refresh: bool = False) -> dict[str, str]:
        return {"ETag": str(hash(self.cat_file(path)))}
