"""Every file of a folder is an image, a table of metadata, or counted as left out for a reason."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from fsspec.implementations.memory import MemoryFileSystem
from PIL import Image

from nst_core.errors import SourceError
from nst_core.sources.base import Catalogue
from nst_core.sources.exclusion import Exclusion
from nst_core.sources.folder import folder_catalogue
from nst_core.sources.left_out import catalogue_notes, count_by_reason
from nst_core.sources.walk import list_files

SYSTEM = [
    "holiday/@eaDir/a.jpg/SYNOPHOTO_THUMB_M.jpg", "#recycle/old.jpg", "$RECYCLE.BIN/S-1-5/$R1.jpg", "lost+found/b.jpg",
    "__MACOSX/holiday/._a.jpg", ".thumbnails/x.jpg", "System Volume Information/a.jpg", ".Trash/a.jpg",
    "holiday/Thumbs.db", "holiday/.DS_Store", "holiday/._a.jpg", "desktop.ini",
]  # fmt: skip


def encoded(format: str) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (32, 32), "teal").save(stream, format)
    return stream.getvalue()


def put(root: Path, *names: str, data: bytes = b"x") -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    return root


def counted(root: Path) -> dict[str, int]:
    return count_by_reason(Catalogue((), (), list_files(root).left_out.counts()))


def test_what_systems_keep_for_themselves_is_left_out_and_counted(tmp_path: Path) -> None:
    put(tmp_path, "holiday/a.jpg", *SYSTEM)
    assert list_files(tmp_path).images == ["holiday/a.jpg"]
    assert counted(tmp_path) == {"system": len(SYSTEM)}


def test_hidden_files_and_other_kinds_are_counted(tmp_path: Path) -> None:
    put(tmp_path, "a.jpg", ".b.jpg", ".cache/c.jpg", ".cache/deep/d.bin", "notes.txt", "x/a.xml", "x/b.xml", "README")
    assert counted(tmp_path) == {"hidden": 3, "other kinds": 4}
    assert catalogue_notes(folder_catalogue(tmp_path, "content"), "content") == [
        "Left out of content: 3 hidden files, 4 files of other kinds (.xml 2, .txt 1, no suffix 1)."
    ]


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "AVIF", "JPEG2000"])
@pytest.mark.parametrize("name", ["deadbeef", "x.jpg_large", "x.jpg!d", "x.jpg.1", "a.b c", "x."])
def test_a_file_is_known_by_its_bytes_where_its_name_does_not_tell(tmp_path: Path, name: str, format: str) -> None:
    put(tmp_path, name, data=encoded(format))
    assert list_files(tmp_path).images == [name]


@pytest.mark.parametrize("name", ["x.jpg.part", "x.crdownload", "a.npy", "frame.tmp"])
def test_downloads_that_are_not_complete_and_known_kinds_are_none(tmp_path: Path, name: str) -> None:
    put(tmp_path, name, data=encoded("JPEG"))
    assert list_files(tmp_path).images == []
    assert counted(tmp_path) == {"other kinds": 1}


def test_bytes_that_are_no_image_s_are_counted(tmp_path: Path) -> None:
    put(tmp_path, "page", data=b"<!DOCTYPE html>")
    put(tmp_path, "empty", data=b"")
    (tmp_path / "nowhere").symlink_to(tmp_path / "gone")
    assert counted(tmp_path) == {"other kinds": 3}


def test_a_folder_at_a_store_is_listed_alike(memory: Path, tmp_path: Path) -> None:
    for root in (memory, tmp_path):
        names = ("holiday/a.jpg", ".cache/x/b.jpg", "notes.txt", "page", "drafts/c.jpg", "drafts/d/e.jpg", *SYSTEM)
        if root == tmp_path:
            put(root, *names)
            put(root, "deadbeef", data=encoded("PNG"))
        else:
            for name in names:
                (root / name).write_bytes(b"x")
            (root / "deadbeef").write_bytes(encoded("PNG"))
    here, there = (list_files(root, Exclusion(["drafts"])) for root in (tmp_path, memory))
    assert (sorted(here.images), here.left_out.counts()) == (sorted(there.images), there.left_out.counts())
    assert sorted(here.images) == ["deadbeef", "holiday/a.jpg"]


def test_of_an_object_only_the_first_bytes_are_fetched(memory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (memory / "photo").write_bytes(encoded("PNG") + bytes(100_000))
    (memory / "known.png").write_bytes(encoded("PNG"))
    fetched: list[int] = []
    cat = MemoryFileSystem.cat_file

    def noting(self: MemoryFileSystem, path: str, *args: object, **options: object) -> bytes:
        data = bytes(cat(self, path, *args, **options))
        fetched.append(len(data))
        return data

    monkeypatch.setattr(MemoryFileSystem, "cat_file", noting)
    assert sorted(list_files(memory).images) == ["known.png", "photo"]
    assert fetched == [64]


def test_nothing_but_litter_is_told_with_what_was_found(tmp_path: Path) -> None:
    put(tmp_path, "@eaDir/a.jpg", "notes.txt")
    with pytest.raises(SourceError, match=r"holds no images .*1 file that systems keep .*@eaDir 1.*1 file of another"):
        folder_catalogue(tmp_path, "content")
