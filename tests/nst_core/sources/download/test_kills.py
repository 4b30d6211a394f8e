"""Kills, full disks, two processes: what is there is resumable or complete, never wrong."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from download.fake_datasets import zipped
from download.fake_server import Fault, Server

from nst_core.errors import DiskFull, UsageError
from nst_core.sources.download.archive import all_members
from nst_core.sources.download.dataset_archive import DatasetArchive, download_archive, unpack_part
from nst_core.sources.download.folder import LOCK, MARKER, DatasetFolder
from nst_core.sources.download.http import HttpRequest
from nst_core.sources.download.partial_file import PartialFile
from nst_core.sources.download.progress import DownloadWatch, no_progress
from nst_core.storage.atomic import TEMPORARY_SUFFIX
from nst_core.storage.web_client import open_client

FILES = {f"things/{number:03}.bin": random.Random(number).randbytes(40_000) for number in range(60)}
DOWNLOAD = """
import sys, time
from pathlib import Path
from nst_core.sources.download.archive import all_members
from nst_core.sources.download.partial_file import PartialFile
from nst_core.sources.download.folder import DatasetFolder
from nst_core.sources.download.http import HttpRequest
from nst_core.storage.web_access import name_places
from nst_core.storage.web_client import open_client
from nst_core.sources.download.dataset_archive import DatasetArchive, download_archive, unpack_part
from nst_core.sources.download.progress import DownloadWatch

root, url, pause = Path(sys.argv[1]), sys.argv[2], float(sys.argv[3])
name_places([url])
def show(title, done, total, unit):
    print(title, flush=True)
    if title.startswith("Unpacking"):
        time.sleep(pause)
watch, folder = DownloadWatch(show, lambda: False), DatasetFolder(root)
with folder.lock(), open_client() as client:
    fetched = download_archive(folder, DatasetArchive("things.zip"), lambda: HttpRequest(url), client, watch)
    unpack_part(folder, "things", fetched, watch, all_members, "things")
    PartialFile(fetched.path).delete()
"""


@pytest.fixture
def start(server: Server, tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts a process that downloads and unpacks; it says what it does, line by line."""
    server.files["/things.zip"] = zipped(FILES)
    begun: list[subprocess.Popen[str]] = []

    def run(pause: float = 0.0) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", DOWNLOAD, str(tmp_path / "data"), f"{server.url}/things.zip", str(pause)]
        begun.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
        return begun[-1]

    yield run
    for process in begun:
        process.kill()
        process.communicate()


def wait_for(process: subprocess.Popen[str], word: str) -> None:
    assert process.stdout
    for line in process.stdout:
        if line.startswith(word):
            return
    raise AssertionError(process.stderr.read() if process.stderr else "")


def own_files(folder: Path) -> dict[str, bytes]:
    """What a person would take for the dataset."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.name not in (MARKER, LOCK)]
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in files
        if not path.name.endswith((TEMPORARY_SUFFIX, ".part", ".part.json"))
    }


def assert_resumable(folder: Path, archive: bytes) -> None:
    assert not DatasetFolder(folder).is_complete("things", "things")
    assert own_files(folder).items() <= (FILES | {"things.zip": archive}).items(), "no file is wrong under its own name"


def test_kills_at_any_moment_lose_nothing(
    start: Callable[..., subprocess.Popen[str]], server: Server, tmp_path: Path
) -> None:
    rng, folder, archive = random.Random(0), tmp_path / "data", server.files["/things.zip"]
    server.always["/things.zip"] = Fault(pause=0.02)
    for stage in ("Downloading", "Downloading", "Unpacking", "Unpacking"):
        process = start(0.01)
        wait_for(process, stage)
        time.sleep(rng.uniform(0, 0.4))
        process.kill()
        process.wait()
        assert_resumable(folder, archive)
    server.always.clear()
    last = start()
    _, errors = last.communicate(timeout=60)
    assert last.returncode == 0, errors
    assert own_files(folder) == FILES
    assert DatasetFolder(folder).is_complete("things", "things")
    assert sorted(path.name for path in folder.iterdir()) == sorted({MARKER, LOCK, "things"} & set(names(folder)))
    assert any(request.range for request in server.requests), "the download was resumed, not begun anew"


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def test_a_second_process_is_told_to_wait(
    start: Callable[..., subprocess.Popen[str]], server: Server, tmp_path: Path
) -> None:
    server.always["/things.zip"] = Fault(pause=0.05)
    first = start()
    wait_for(first, "Downloading")
    with pytest.raises(UsageError, match=r"Another nst process is downloading into .*data"), get_folder(tmp_path):
        pass
    first.communicate(timeout=60)
    assert first.returncode == 0
    assert own_files(tmp_path / "data") == FILES
    with get_folder(tmp_path):
        pass


def get_folder(tmp_path: Path):  # type: ignore[no-untyped-def]
    return DatasetFolder(tmp_path / "data").lock()


def download(server: Server, root: Path) -> None:
    folder, watch = DatasetFolder(root), DownloadWatch(no_progress, lambda: False)
    with folder.lock(), open_client() as client:
        fetched = download_archive(
            folder, DatasetArchive("things.zip"), lambda: HttpRequest(f"{server.url}/things.zip"), client, watch
        )
        unpack_part(folder, "things", fetched, watch, all_members, "things")
        PartialFile(fetched.path).delete()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 3 MB."""
    mount = tmp_path / "disk"
    mount.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(mount)], capture_output=True)
    if made.returncode:
        pytest.skip(f"needs the right to mount a small disk: {made.stderr.decode().strip()}")
    yield mount
    subprocess.run(["umount", str(mount)], check=True)


def test_a_full_disk_stops_before_the_archive_and_before_unpacking(server: Server, small_disk: Path) -> None:
    server.files["/things.zip"] = zipped(FILES)
    filler = small_disk / "filler"
    filler.write_bytes(bytes(1_500_000))
    with pytest.raises(DiskFull, match="are needed"):
        download(server, small_disk / "data")
    assert own_files(small_disk / "data") == {}
    filler.unlink()
    with pytest.raises(DiskFull, match=r"the files of things\.zip"):
        download(server, small_disk / "data")
    assert set(own_files(small_disk / "data")) == {"things.zip"}, "the archive is kept for the next try"


def test_a_disk_that_fills_up_meanwhile_leaves_what_can_be_gone_on_from(
    server: Server, small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others write, too: the look at the free space before promises nothing."""
    monkeypatch.setattr("nst_core.storage.disk.shutil.disk_usage", lambda _: type("Usage", (), {"free": 10**12}))
    server.files["/things.zip"] = zipped(FILES)
    filler = small_disk / "filler"
    filler.write_bytes(bytes(1_500_000))
    with pytest.raises(DiskFull, match="No space left"):
        download(server, small_disk / "data")
    arrived = (small_disk / "data" / "things.zip.part").stat().st_size
    assert arrived > 1_000_000
    filler.unlink()
    with pytest.raises(DiskFull, match="No space left"):
        download(server, small_disk / "data")
    assert server.requests[-1].range == f"bytes={arrived}-"
    assert_resumable(small_disk / "data", server.files["/things.zip"])


def test_a_folder_that_cannot_be_written_is_one_sentence(server: Server, tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    with pytest.raises(UsageError, match=r"cannot be written .*--output"):
        download(server, tmp_path / "data")


def test_a_marker_that_cannot_be_read_is_one_sentence(tmp_path: Path) -> None:
    for text in ("", "[]", '{"parts": {"x": {"files": 3}}}'):
        (tmp_path / MARKER).write_text(text)
        with pytest.raises(UsageError, match="delete it"):
            DatasetFolder(tmp_path).part("x")
    (tmp_path / MARKER).write_text(json.dumps({"version": 9, "parts": {"x": {"state": "complete", "new": 1}}}))
    part = DatasetFolder(tmp_path).part("x")
    assert part
    assert part.state == "complete", "what a later version adds is left aside"
