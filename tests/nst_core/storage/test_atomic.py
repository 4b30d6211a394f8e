"""What a write promises: all of it or nothing, also when the process dies or the disk is full."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nst_core.errors import DiskFull
from nst_core.storage.atomic import atomic_path, remove_temporaries, write_bytes_atomic, write_text_atomic


def files_below(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def failing_fsync(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def fsync(_descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fsync)


def test_a_write_makes_the_folders_above_it(tmp_path: Path) -> None:
    write_text_atomic(tmp_path / "a" / "b" / "c.txt", "Dürer\n")
    assert (tmp_path / "a" / "b" / "c.txt").read_bytes() == "Dürer\n".encode()
    assert files_below(tmp_path) == ["a/b/c.txt"]


def test_a_crash_while_writing_keeps_the_old_file_and_leaves_no_other(tmp_path: Path) -> None:
    path = tmp_path / "results.bin"
    path.write_bytes(b"old")

    def crash_halfway() -> None:
        with atomic_path(path) as temporary:
            temporary.write_bytes(b"half of the ne")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        crash_halfway()
    assert path.read_bytes() == b"old"
    assert files_below(tmp_path) == ["results.bin"]


def test_a_crash_between_write_and_replace_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "results.bin"
    path.write_bytes(b"old")

    def crash(_source: Path, _target: Path) -> None:
        raise RuntimeError("crash")

    monkeypatch.setattr(os, "replace", crash)
    with pytest.raises(RuntimeError, match="crash"):
        write_bytes_atomic(path, b"new")
    assert path.read_bytes() == b"old"
    assert files_below(tmp_path) == ["results.bin"]


def test_a_killed_writer_leaves_the_old_file_and_a_temporary_that_can_be_cleared(tmp_path: Path) -> None:
    path = tmp_path / "results.bin"
    path.write_bytes(b"old")
    script = (
        "import os, signal, sys\nfrom pathlib import Path\nfrom nst_core.storage.atomic import atomic_path\n"
        "with atomic_path(Path(sys.argv[1])) as temporary:\n"
        "    temporary.write_bytes(b'half'); os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", script, str(path)], check=False)
    assert path.read_bytes() == b"old"
    assert len(files_below(tmp_path)) == 2
    assert remove_temporaries(tmp_path) == 1
    assert files_below(tmp_path) == ["results.bin"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_no_space_left_is_a_full_disk_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    failing_fsync(monkeypatch, number)
    with pytest.raises(DiskFull, match="free some"):
        write_bytes_atomic(tmp_path / "new.bin", b"data")
    assert files_below(tmp_path) == []


def test_no_space_left_for_the_folder_is_a_full_disk_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def mkdir(*_arguments: object, **_options: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "mkdir", mkdir)
    with pytest.raises(DiskFull):
        write_bytes_atomic(tmp_path / "folder" / "new.bin", b"data")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_known_when_arrow_meets_it(tmp_path: Path) -> None:
    table = pa.table({"numbers": list(range(100_000))})

    def write() -> None:
        with atomic_path(tmp_path / "part.parquet") as temporary:
            temporary.symlink_to("/dev/full")  # a link: what pyarrow fails to write, it deletes
            pq.write_table(table, temporary)

    with pytest.raises(DiskFull):
        write()
    assert files_below(tmp_path) == []


@pytest.mark.parametrize("number", [errno.EIO, errno.EACCES])
def test_other_system_errors_come_through_as_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    failing_fsync(monkeypatch, number)
    with pytest.raises(OSError, match=os.strerror(number)) as caught:
        write_bytes_atomic(tmp_path / "new.bin", b"data")
    assert caught.value.errno == number
    assert files_below(tmp_path) == []


def test_the_file_is_synced_before_the_rename_and_the_folder_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[tuple[str, int]] = []
    fsync, replace = os.fsync, os.replace

    def noting_fsync(descriptor: int) -> None:
        status = os.fstat(descriptor)
        steps.append(("folder" if stat.S_ISDIR(status.st_mode) else "file", status.st_ino))
        fsync(descriptor)

    def noting_replace(source: Path, target: Path) -> None:
        steps.append(("replace", source.stat().st_ino))
        replace(source, target)

    monkeypatch.setattr(os, "fsync", noting_fsync)
    monkeypatch.setattr(os, "replace", noting_replace)
    path = tmp_path / "new.bin"
    write_bytes_atomic(path, b"data")
    inode = path.stat().st_ino
    assert steps == [("file", inode), ("replace", inode), ("folder", tmp_path.stat().st_ino)]


def test_the_temporary_lies_in_the_folder_of_the_file(tmp_path: Path) -> None:
    with atomic_path(tmp_path / "new.bin") as temporary:
        assert temporary.parent == tmp_path
        temporary.write_bytes(b"data")


def test_only_our_own_temporaries_are_removed(tmp_path: Path) -> None:
    ours = tmp_path / "images" / "train" / ".0123456789abcdef.tmp~"
    others = [
        tmp_path / "images" / name
        for name in ("photo.tmp~", ".tmp~", ".notes.tmp~", ".0123456789abcdef.tmp", "0123456789abcdef.tmp~", "a.jpg~")
    ]
    for path in (ours, *others):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    (tmp_path / "images" / ".fedcba9876543210.tmp~").mkdir()
    assert remove_temporaries(tmp_path) == 1
    assert not ours.exists()
    assert all(path.exists() for path in others)
