"""File names of tables find their files: backslashes, `./`, composed and decomposed accents; the exact name first."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from nst_core.manifest.pairing import StyleSet
from nst_core.manifest.pairs import read_pairs
from nst_core.sources.base import Catalogue, Item
from nst_core.sources.file_names import by_file_name, file_on_disk, table_path
from nst_core.sources.folder import folder_catalogue

COMPOSED, DECOMPOSED = (unicodedata.normalize(form, "Füße/é.png") for form in ("NFC", "NFD"))


NAMES = ["e\u0301.png", "\u00e9.png"]


@pytest.mark.parametrize("name", ["cats/1.png", ".\\cats\\1.png", "./cats/1.png", "cats//1.png", "cats/./1.png"])
def test_a_path_of_a_table_is_told_in_one_way(name: str) -> None:
    assert table_path(name) == "cats/1.png"


def test_the_exact_name_comes_first() -> None:
    values = {"a\\b": 1, "a/b": 2, "é": 3, "e\u0301": 4, "c/d": 5}
    found = [by_file_name(values, name) for name in ("a\\b", "a/b", "é", "e\u0301", "c\\d", "./c/d", "x")]
    assert found == [1, 2, 3, 4, 5, 5, None]


@pytest.mark.parametrize(("there", "asked"), [(COMPOSED, DECOMPOSED), (DECOMPOSED, COMPOSED)])
def test_a_file_is_found_in_the_other_form(there: str, asked: str, tmp_path: Path) -> None:
    file = tmp_path / there
    file.parent.mkdir()
    file.touch()
    assert file_on_disk(tmp_path / there) == file
    assert file_on_disk(tmp_path / asked) == file
    mixed = f"{there.partition('/')[0]}/{asked.partition('/')[2]}"
    assert file_on_disk(tmp_path / mixed) == file
    assert file_on_disk(tmp_path / "Füße" / "ó.png") is None
    assert file_on_disk(tmp_path / "é\0") is None


@pytest.mark.parametrize("row", [COMPOSED, DECOMPOSED, COMPOSED.replace("/", "\\"), f"./{DECOMPOSED}"])
@pytest.mark.parametrize("there", [COMPOSED, DECOMPOSED])
def test_rows_of_a_manifest_find_files_beside_it_and_in_the_source(there: str, row: str, tmp_path: Path) -> None:
    file = tmp_path / "beside" / there
    file.parent.mkdir(parents=True)
    file.touch()
    manifest = tmp_path / "beside" / "m.csv"
    manifest.write_text(f"content,style\n{row},{row}\n", "utf-8")
    (pair,) = read_pairs(manifest, 0, Catalogue.of([]), StyleSet(Catalogue.of([])))
    assert (pair.content.path, pair.styles[0].item.path) == (file, file)
    source = folder_catalogue(tmp_path / "beside", "content")
    (tmp_path / "m.csv").write_bytes(manifest.read_bytes())
    (pair,) = read_pairs(tmp_path / "m.csv", 0, source, StyleSet(source))
    assert (pair.content, pair.styles[0].item) == (source.items[0], source.items[0])


def test_two_files_whose_names_differ_in_the_form_only_are_two_items(tmp_path: Path) -> None:
    for name in NAMES:
        (tmp_path / name).touch()
    if len(list(tmp_path.iterdir())) < 2:
        pytest.skip("this file system takes both names for one")
    catalogue = folder_catalogue(tmp_path, "content")
    assert sorted((item.id, item.path.name) for item in catalogue.items) == [
        (name, name) for name in ("e\u0301.png", "\u00e9.png")
    ]


def test_a_catalogue_has_one_spelling_of_each_name() -> None:
    items = [
        Item("1", Path("1"), "Cats", "Claude Monet", "train", "Cubism, Fauvism"),
        Item("2", Path("2"), "cats ", "claude_monet", "Train", "fauvism,Dada"),
        Item("3", Path("3"), "Du\u0308ne", "CLAUDE\u00a0MONET", None, None),
    ]
    found = Catalogue.of(items).items
    assert found[0] is items[0]
    assert (found[1].label, found[1].artist, found[1].split, found[1].genres) == (
        "Cats", "Claude Monet", "train", ("Fauvism", "Dada"),
    )  # fmt: skip
    assert (found[2].label, found[2].artist) == ("Düne", "Claude Monet")
