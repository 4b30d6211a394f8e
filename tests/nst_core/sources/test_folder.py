"""A folder of images: every picture is listed, under a name that is the same on every machine."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import pytest

from nst_core.errors import SourceError
from nst_core.source_config import FolderSource
from nst_core.sources import open_source
from nst_core.sources.folder import folder_catalogue


def touch(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")
    return root


def ids(root: Path) -> list[str]:
    return [item.id for item in folder_catalogue(root, "content").items]


def test_the_first_sub_folder_is_the_label_of_a_content(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg", "cats/b.jpg", "cats/small/c.jpg", "red_panda/d.jpg")
    items = folder_catalogue(tmp_path, "content").items
    assert [(item.id, item.label, item.artist) for item in items] == [
        ("a.jpg", None, None),
        ("cats/b.jpg", "cats", None),
        ("cats/small/c.jpg", "cats", None),
        ("red_panda/d.jpg", "red_panda", None),
    ]
    assert items[1].path == tmp_path / "cats" / "b.jpg"


def test_the_first_sub_folder_is_the_artist_of_a_style(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg", "Vincent_van_Gogh/b.jpg", "Claude Monet/late/c.jpg")
    items = folder_catalogue(tmp_path, "style").items
    assert [(item.id, item.artist, item.label) for item in items] == [
        ("Claude Monet/late/c.jpg", "Claude Monet", None),
        ("Vincent_van_Gogh/b.jpg", "Vincent van Gogh", None),
        ("a.jpg", None, None),
    ]


def test_items_are_sorted_by_id(tmp_path: Path) -> None:
    touch(tmp_path, "b.jpg", "a/z.jpg", "a.jpg", "B.jpg", "c/a.jpg")
    assert ids(tmp_path) == ["B.jpg", "a.jpg", "a/z.jpg", "b.jpg", "c/a.jpg"]


def test_composed_and_decomposed_names_give_the_same_ids(tmp_path: Path) -> None:
    names = ["Dürer/Große Ängste.jpg", "が/é.jpg"]
    here, there = tmp_path / "linux", tmp_path / "mac"
    touch(here, *(unicodedata.normalize("NFC", name) for name in names))
    touch(there, *(unicodedata.normalize("NFD", name) for name in names))
    one, other = folder_catalogue(here, "style").items, folder_catalogue(there, "style").items
    assert [(item.id, item.artist) for item in one] == [(item.id, item.artist) for item in other]
    assert all(item.path.is_file() for item in (*one, *other))


def test_hidden_files_and_folders_and_other_files_are_left_out(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg", ".b.jpg", "._a.jpg", ".cache/c.jpg", "notes.txt", "d", "Thumbs.db", "e.jpg.part", ".jpg")
    assert ids(tmp_path) == ["a.jpg"]


def test_suffixes_count_whatever_their_case(tmp_path: Path) -> None:
    touch(tmp_path, "a.JPG", "b.Jpeg", "c.PNG", "d.webp", "e.tif", "f.gif", "g.bmp")
    assert len(ids(tmp_path)) == 7


def test_pictures_that_we_cannot_read_are_listed_to_be_reported(tmp_path: Path) -> None:
    touch(tmp_path, "a.svg", "b.heic", "c.psd", "d.CR2")
    assert ids(tmp_path) == ["a.svg", "b.heic", "c.psd", "d.CR2"]


def test_links_that_lead_nowhere_are_listed_to_be_reported(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").symlink_to(tmp_path / "gone.jpg")
    (tmp_path / "b.jpg").symlink_to(tmp_path / "b.jpg")
    assert ids(tmp_path) == ["a.jpg", "b.jpg"]


def test_linked_files_and_folders_are_followed(tmp_path: Path) -> None:
    touch(tmp_path / "store", "x/1.jpg", "2.jpg")
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cats").symlink_to(tmp_path / "store" / "x")
    (tmp_path / "photos" / "two.jpg").symlink_to(tmp_path / "store" / "2.jpg")
    assert ids(tmp_path / "photos") == ["cats/1.jpg", "two.jpg"]


def test_a_circle_of_links_ends(tmp_path: Path) -> None:
    touch(tmp_path, "a/b/1.jpg")
    (tmp_path / "a" / "b" / "up").symlink_to(tmp_path)
    (tmp_path / "a" / "self").symlink_to(tmp_path / "a")
    assert ids(tmp_path) == ["a/b/1.jpg"]


def test_a_folder_named_like_an_image_is_a_folder(tmp_path: Path) -> None:
    touch(tmp_path, "odd.jpg/1.jpg")
    assert ids(tmp_path) == ["odd.jpg/1.jpg"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read anything")
def test_a_folder_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg", "closed/b.jpg")
    (tmp_path / "closed").chmod(0)
    try:
        with pytest.raises(SourceError, match=r"The folder .*closed cannot be read: Permission denied"):
            folder_catalogue(tmp_path, "content")
    finally:
        (tmp_path / "closed").chmod(0o700)


def test_a_folder_that_cannot_be_listed_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "a.jpg", "closed/b.jpg")
    scandir = os.scandir

    def closed(path: str) -> object:
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", closed)
    with pytest.raises(SourceError, match=r"The folder .*closed cannot be read: Permission denied"):
        folder_catalogue(tmp_path, "content")


@pytest.mark.parametrize("role", ["content", "style"])
def test_a_folder_that_is_not_there_is_told_with_its_key(tmp_path: Path, role: str) -> None:
    with pytest.raises(SourceError, match=rf"{role}\.path: there is no folder"):
        open_source(FolderSource(path=tmp_path / "nope"), role)  # type: ignore[arg-type]
    touch(tmp_path, "file.jpg")
    with pytest.raises(SourceError, match=rf"{role}\.path: there is no folder"):
        open_source(FolderSource(path=tmp_path / "file.jpg"), role)  # type: ignore[arg-type]


def test_a_folder_without_images_is_told_with_the_suffixes_that_count(tmp_path: Path) -> None:
    touch(tmp_path, "notes.txt")
    with pytest.raises(SourceError, match=r"holds no images \(.*\.jpg.*\)"):
        folder_catalogue(tmp_path, "content")


def test_names_that_are_no_text_are_listed_as_text(tmp_path: Path) -> None:
    touch(tmp_path, *map(os.fsdecode, (b"caf\xe9.jpg", b"D\xfcrer/1.jpg", b"D\xfcrer/\xff.jpg")))
    items = folder_catalogue(tmp_path, "style").items
    assert [(item.id, item.artist) for item in items] == [
        ("D\\xfcrer/1.jpg", "D\\xfcrer"),
        ("D\\xfcrer/\\xff.jpg", "D\\xfcrer"),
        ("caf\\xe9.jpg", None),
    ]
    assert all(item.path.is_file() for item in items)


def test_a_root_whose_name_is_no_text_is_refused(tmp_path: Path) -> None:
    root = tmp_path / os.fsdecode(b"caf\xe9")
    root.mkdir()
    with pytest.raises(SourceError, match=r"content\.path: the name of .*caf\\xe9 is not valid UTF-8") as caught:
        folder_catalogue(root, "content")
    str(caught.value).encode()
