"""Archives from elsewhere: unpacked without harm, and resumed."""

from __future__ import annotations

import io
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import pytest
from download.fake_datasets import zipped

from nst_core.errors import Interrupted, UnsafeArchive, UsageError
from nst_core.sources.download.archive import unpack
from nst_core.sources.download.http_errors import WrongContent
from nst_core.sources.download.progress import DownloadWatch
from nst_core.storage.atomic import TEMPORARY_SUFFIX

FILES = {"a.txt": b"alpha" * 100, "b/c.txt": b"gamma" * 100, "b/d/e.txt": b"", "Dürer/ü.txt": b"x"}


def everything_below(folder: Path) -> dict[str, bytes]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


@pytest.fixture
def archive(tmp_path: Path) -> Callable[[bytes], Path]:
    def write(data: bytes) -> Path:
        path = tmp_path / "archive.zip"
        path.write_bytes(data)
        return path

    return write


def hand_made(*members: tuple[str, bytes, int]) -> bytes:
    """An archive of members with names and modes as given, whatever they are."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, data, mode in members:
            info = zipfile.ZipInfo(name)
            info.filename, info.external_attr = name, mode << 16
            opened.writestr(info, data, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def test_files_arrive_as_they_were(archive: Callable[[bytes], Path], tmp_path: Path, watch: DownloadWatch) -> None:
    assert unpack(archive(zipped(FILES)), tmp_path / "out", watch) == 4
    assert everything_below(tmp_path / "out") == FILES


def test_only_what_is_chosen_is_written_and_where(
    archive: Callable[[bytes], Path], tmp_path: Path, watch: DownloadWatch
) -> None:
    def choose(name: PurePosixPath) -> PurePosixPath | None:
        return PurePosixPath("new", name.name) if name.parts[0] == "b" else None

    assert unpack(archive(zipped(FILES)), tmp_path / "out", watch, choose) == 2
    assert sorted(everything_below(tmp_path / "out")) == ["new/c.txt", "new/e.txt"]


LINK, DEVICE, PIPE = stat.S_IFLNK | 0o777, stat.S_IFBLK | 0o600, stat.S_IFIFO | 0o600
EVIL = {
    "above": (("../evil.txt", b"x", 0),),
    "above, hidden inside": (("b/../../evil.txt", b"x", 0),),
    "absolute": (("/tmp/evil.txt", b"x", 0),),
    "a drive": (("C:/evil.txt", b"x", 0),),
    "backslashes": (("..\\evil.txt", b"x", 0),),
    "a name too long": (("n" * 256, b"x", 0),),
    "a link": (("link", b"/etc/passwd", LINK),),
    "a device": (("disk", b"", DEVICE),),
    "a pipe": (("pipe", b"", PIPE),),
    "one name twice": (("a.txt", b"one", 0), ("a.txt", b"two", 0)),
    "names that differ in case only": (("b/A.txt", b"one", 0), ("B/a.txt", b"two", 0)),
    "names that differ in normal form only": (("D\u00fcrer.txt", b"one", 0), ("Du\u0308rer.txt", b"two", 0)),
    "a file that is a folder, too": (("a", b"one", 0), ("a/b", b"two", 0)),
}


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("members", EVIL.values(), ids=EVIL.keys())
def test_an_archive_with_one_bad_name_is_refused_as_a_whole(
    archive: Callable[[bytes], Path], tmp_path: Path, watch: DownloadWatch, members: tuple[tuple[str, bytes, int], ...]
) -> None:
    path = archive(hand_made(("good.txt", b"good", 0), *members))
    before = set(tmp_path.rglob("*"))
    with pytest.raises(UnsafeArchive, match=r"archive\.zip"):
        unpack(path, tmp_path / "out", watch)
    assert set(tmp_path.rglob("*")) == before


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_the_same_file_twice_does_no_harm(
    archive: Callable[[bytes], Path], tmp_path: Path, watch: DownloadWatch
) -> None:
    assert unpack(archive(hand_made(("a.txt", b"one", 0), ("a.txt", b"one", 0))), tmp_path / "out", watch) == 1


def test_a_bomb_is_refused_by_what_it_claims(
    archive: Callable[[bytes], Path], tmp_path: Path, watch: DownloadWatch
) -> None:
    bomb = zipped({f"{number}.bin": bytes(20_000_000) for number in range(5)})
    assert len(bomb) < 200_000
    with pytest.raises(UnsafeArchive, match="claim to unpack to 5 files of 100000000 bytes"):
        unpack(archive(bomb), tmp_path / "out", watch)
    assert not (tmp_path / "out").exists()


def test_a_bomb_that_lies_about_its_size_writes_no_more_than_it_claims(
    archive: Callable[[bytes], Path], tmp_path: Path, watch: DownloadWatch
) -> None:
    data = zipped({"bomb.bin": bytes(5_000_000)})
    lie = data.replace((5_000_000).to_bytes(4, "little"), (1000).to_bytes(4, "little"))
    assert lie != data
    with pytest.raises(WrongContent, match="damaged"):
        unpack(archive(lie), tmp_path / "out", watch)
    assert everything_below(tmp_path / "out") == {}


def test_a_truncated_archive_is_damaged(archive: Callable[[bytes], Path], tmp_path: Path, watch: DownloadWatch) -> None:
    for data in (b"", b"<html>log in</html>", zipped(FILES)[:-30], zipped(FILES)[:100]):
        with pytest.raises(WrongContent, match="damaged, or no zip archive"):
            unpack(archive(data), tmp_path / "out", watch)


def test_a_flipped_bit_leaves_no_file_of_that_name(
    archive: Callable[[bytes], Path], tmp_path: Path, watch: DownloadWatch
) -> None:
    stored = io.BytesIO()
    with zipfile.ZipFile(stored, "w", zipfile.ZIP_STORED) as opened:
        for name, data in FILES.items():
            opened.writestr(name, data)
    damaged = stored.getvalue().replace(b"gammagamma", b"gammagamna", 1)
    with pytest.raises(WrongContent, match="CRC"):
        unpack(archive(damaged), tmp_path / "out", watch)
    assert everything_below(tmp_path / "out") == {"a.txt": FILES["a.txt"]}


def test_an_encrypted_archive_is_refused(
    archive: Callable[[bytes], Path], tmp_path: Path, watch: DownloadWatch
) -> None:
    data = bytearray(zipped({"a.txt": b"alpha"}))
    data[data.index(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(UnsafeArchive, match="encrypted"):
        unpack(archive(bytes(data)), tmp_path / "out", watch)


def test_right_files_are_kept_and_wrong_ones_replaced(
    archive: Callable[[bytes], Path], tmp_path: Path, watch: DownloadWatch
) -> None:
    path, out = archive(zipped(FILES)), tmp_path / "out"
    unpack(path, out, watch)
    (out / "b" / "c.txt").write_bytes(b"gamna" * 100)  # same size
    (out / "b" / "d" / "e.txt").unlink()
    before = (out / "a.txt").stat()
    unpack(path, out, watch)
    assert everything_below(out) == FILES
    assert (out / "a.txt").stat().st_ino == before.st_ino


def test_a_stop_keeps_what_is_unpacked_and_nothing_half(archive: Callable[[bytes], Path], tmp_path: Path) -> None:
    files = {f"{number}.bin": bytes([number]) * 3_000_000 for number in range(5)}
    path, out, looks = archive(zipped(files)), tmp_path / "out", iter(range(1000))
    with pytest.raises(Interrupted):
        unpack(path, out, DownloadWatch(lambda *_: None, lambda: next(looks) >= 12))
    left = everything_below(out)
    assert 0 < len(left) < 5
    assert left.items() <= files.items()
    assert not any(name.endswith(TEMPORARY_SUFFIX) for name in left)


def test_links_that_lead_out_are_not_followed(
    archive: Callable[[bytes], Path], tmp_path: Path, watch: DownloadWatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "b").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UsageError, match="link that leads out"):
        unpack(archive(zipped(FILES)), tmp_path / "out", watch)
    assert everything_below(tmp_path / "elsewhere") == {}


def test_a_file_where_a_folder_has_to_be_is_one_sentence(
    archive: Callable[[bytes], Path], tmp_path: Path, watch: DownloadWatch
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "b").write_bytes(b"in the way")
    with pytest.raises(UsageError, match="cannot be written"):
        unpack(archive(zipped(FILES)), tmp_path / "out", watch)
