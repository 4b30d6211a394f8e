"""A folder of images: every picture is listed, under a name that is the same on every machine."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest

from nst_core.config.sources import FolderSource
from nst_core.errors import SourceError
from nst_core.sources.folder import folder_catalogue
from nst_core.sources.registry import open_source

Closed = Callable[[str], None]


@pytest.fixture
def closed(monkeypatch: pytest.MonkeyPatch) -> Closed:
    """Makes folders of a name unreadable, for root, too."""

    def close(name: str) -> None:
        scandir = os.scandir

        def refusing(path: str) -> object:
            if Path(path).name == name:
                raise PermissionError(13, "Permission denied", os.fspath(path))
            return scandir(path)

        monkeypatch.setattr(os, "scandir", refusing)

    return close


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
def test_a_folder_without_permission_is_left_out_and_told(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg", "closed/b.jpg")
    (tmp_path / "closed").chmod(0)
    try:
        catalogue = folder_catalogue(tmp_path, "content")
    finally:
        (tmp_path / "closed").chmod(0o700)
    assert catalogue.unreadable == (f"The folder {tmp_path / 'closed'} cannot be read: Permission denied.",)


def test_a_folder_that_cannot_be_listed_is_left_out_and_told(tmp_path: Path, closed: Closed) -> None:
    touch(tmp_path, "a.jpg", "closed/b.jpg")
    closed("closed")
    catalogue = folder_catalogue(tmp_path, "content")
    assert [item.id for item in catalogue.items] == ["a.jpg"]
    assert catalogue.unreadable == (f"The folder {tmp_path / 'closed'} cannot be read: Permission denied.",)


def test_a_root_that_cannot_be_listed_is_refused(tmp_path: Path, closed: Closed) -> None:
    touch(tmp_path, "root/a.jpg")
    closed("root")
    with pytest.raises(SourceError, match=r"The folder .*root cannot be read: Permission denied"):
        folder_catalogue(tmp_path / "root", "content")


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


def test_folders_named_as_splits_are_splits_and_an_imagenet_tree_works_as_it_is(tmp_path: Path) -> None:
    touch(tmp_path, "train/n01440764/x.JPEG", "val/n01440764/y.JPEG", "val/z.JPEG", "notes/readme.txt")
    assert [(item.id, item.split, item.label) for item in folder_catalogue(tmp_path, "content").items] == [
        ("train/n01440764/x.JPEG", "train", "n01440764"),
        ("val/n01440764/y.JPEG", "val", "n01440764"),
        ("val/z.JPEG", "val", None),
    ]


@pytest.mark.parametrize(
    ("folder", "split"),
    [("Train", "train"), ("valid", "val"), ("validation", "val"), ("VAL", "val"), ("test", "test"), ("holdout", None)],
)
def test_a_split_has_one_name_however_its_folder_is_called(tmp_path: Path, folder: str, split: str | None) -> None:
    touch(tmp_path, f"{folder}/Claude_Monet/a.jpg", "b.jpg")
    items = folder_catalogue(tmp_path, "style").items
    artist = "Claude Monet" if split else "holdout"
    assert {(item.split, item.artist) for item in items} == {(split, artist), (None, None)}


def test_a_folder_that_is_no_split_makes_all_of_them_labels(tmp_path: Path) -> None:
    touch(tmp_path, "train/a.jpg", "test/b.jpg", "bus/c.jpg")
    found = [(item.label, item.split) for item in folder_catalogue(tmp_path, "content").items]
    assert found == [("bus", None), ("test", None), ("train", None)]


def table(root: Path, text: str, folder: str = "", encoding: str = "utf-8") -> None:
    (root / folder / "metadata.csv").write_bytes(text.encode(encoding))


def test_metadata_says_what_the_folders_do_not_and_other_columns_are_carried_through(tmp_path: Path) -> None:
    touch(tmp_path, "cats/a.jpg", "cats/b.jpg")
    table(
        tmp_path,
        "file_name,label,split,artist,genre,nationality,license,source_url,Camera,note\n"
        'cats/a.jpg,tabby,validation,Ann,Portrait,Dutch,CC BY-NC 4.0,https://example.org/a,"X, 100", as is \n'
        "cats/b.jpg,,,,,,,,,\n",
    )
    first, second = folder_catalogue(tmp_path, "content").items
    assert (first.label, first.split, first.artist, first.genre) == ("tabby", "val", "Ann", "Portrait")
    assert (first.nationality, first.license) == ("Dutch", "CC-BY-NC-4.0")
    assert (first.source_url, first.extras) == ("https://example.org/a", (("Camera", "X, 100"), ("note", " as is ")))
    assert (second.label, second.split, second.artist, second.license) == ("cats", None, None, None)
    assert second.extras == (("Camera", ""), ("note", ""))


def test_metadata_of_a_split_lies_in_its_folder_as_hugging_face_has_it(tmp_path: Path) -> None:
    touch(tmp_path, "train/a.jpg", "train/deep/b.jpg", "test/a.jpg")
    table(tmp_path, "file_name,label\na.jpg,one\ndeep/b.jpg,two\n", "train")
    table(tmp_path, "file_name,label\na.jpg,three\n", "test")
    catalogue = folder_catalogue(tmp_path, "content")
    assert [(item.id, item.split, item.label) for item in catalogue.items] == [
        ("test/a.jpg", "test", "three"),
        ("train/a.jpg", "train", "one"),
        ("train/deep/b.jpg", "train", "two"),
    ]
    assert catalogue.notes == ()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_metadata_is_read_in_whatever_form_a_spreadsheet_left_it(
    tmp_path: Path, encoding: str, separator: str, end: str
) -> None:
    touch(tmp_path, "Große/ü.jpg", "b.jpg")
    name = unicodedata.normalize("NFD", "Große/ü.jpg")
    lines = (" file_name ,label,", f" {name} ,über,", ",,", "b.jpg")
    table(tmp_path, end.join(lines).replace(",", separator), encoding=encoding)
    catalogue = folder_catalogue(tmp_path, "content")
    assert [(item.id, item.label, item.extras) for item in catalogue.items] == [
        ("Große/ü.jpg", "über", ()),
        ("b.jpg", None, ()),
    ]
    assert catalogue.notes == ()


def test_rows_without_a_file_and_files_without_a_row_are_noted(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg", "b.jpg", "c.jpg")
    table(tmp_path, "file_name,label\na.jpg,x\ngone.jpg,x\n")
    catalogue = folder_catalogue(tmp_path, "content")
    assert [item.label for item in catalogue.items] == ["x", None, None]
    assert catalogue.notes == (
        "No file for 1 row of metadata.csv: gone.jpg.",
        "No row in metadata.csv for 2 images: b.jpg, c.jpg.",
    )


def test_all_wrong_rows_of_the_metadata_are_told_at_once(tmp_path: Path) -> None:
    touch(tmp_path, "train/a.jpg", "train/b.jpg")
    table(tmp_path, "file_name\ntrain/a.jpg\n./train/a.jpg\n../x.jpg\n/etc/x.jpg\nC:\\x.jpg\n")
    table(tmp_path, "file_name,label\na.jpg,x\n,y\nb.jpg,z\n", "train")
    with pytest.raises(SourceError) as caught:
        folder_catalogue(tmp_path, "content")
    assert str(caught.value).splitlines() == [
        f"The metadata in {tmp_path} has 5 faults; nothing was started:",
        "  row 3 of metadata.csv: file_name './train/a.jpg' is the same file as in row 2 of metadata.csv",
        "  row 4 of metadata.csv: file_name '../x.jpg' leads outside the folder",
        "  row 5 of metadata.csv: file_name '/etc/x.jpg' leads outside the folder",
        "  row 6 of metadata.csv: file_name 'C:\\\\x.jpg' leads outside the folder",
        "  row 3 of train/metadata.csv: file_name '' is empty",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "is empty: its first line must name the columns"),
        (
            b"name of file,label\na.jpg,x\n",
            r"lacks the column 'file_name'; it has 'name of file', 'label'",
        ),
        (b"file_name,label,label\na.jpg,x,y\n", "has the column 'label' twice"),
        (b"file_name,label\na.jpg,x,y\n", "more cells than its header has columns: row 2"),
        (b"file_name\n\xff\xfe.jpg\n", "is not in UTF-8"),
        (b'file_name\n"a.jpg\n', "is not valid CSV"),
    ],
)
def test_metadata_that_cannot_be_read_are_told(tmp_path: Path, text: bytes, message: str) -> None:
    touch(tmp_path, "a.jpg")
    (tmp_path / "metadata.csv").write_bytes(text)
    with pytest.raises(SourceError, match=message):
        folder_catalogue(tmp_path, "content")
