"""Manifests as they are written: whatever stands in them is read again as it was."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from nst_core.manifest.csv_reader import read_manifest
from nst_core.manifest.csv_writer import formula_note, write_manifest
from nst_core.manifest.pairing import Pair, StyleSet, StyleShare, style_shares, unstylized_pair
from nst_core.manifest.pairs import manifest_rows, read_pairs
from nst_core.manifest.row import ManifestRow, Overrides
from nst_core.manifest.style_cell import StyleRef
from nst_core.sources.base import Catalogue, Item


def rewritten(pairs: list[Pair], folder: Path, contents: list[Item], styles: list[Item]) -> list[Pair]:
    path = folder / "pairs.csv"
    write_manifest(manifest_rows(pairs), path)
    return read_pairs(path, 0, Catalogue.of(contents), StyleSet(Catalogue.of(styles)))


def test_rows_come_one_by_one_and_are_counted(tmp_path: Path) -> None:
    rows = (ManifestRow(number, f"{number}.jpg", (StyleRef("s.jpg"),)) for number in range(2, 302))
    assert write_manifest(rows, tmp_path / "m.csv") == 300
    assert [row.number for row in read_manifest(tmp_path / "m.csv")] == list(range(2, 302))


def test_a_column_that_later_rows_bring_is_empty_before(tmp_path: Path) -> None:
    styles = (StyleRef("s.jpg"),)
    rows = [
        ManifestRow(2, "a", styles),
        ManifestRow(3, "b", styles, replicate=3, extras={"note": "x"}),
        ManifestRow(4, "c", styles, overrides=Overrides(size=64), extras={"Ort": "y"}),
    ]
    write_manifest(rows, tmp_path / "m.csv")
    assert (tmp_path / "m.csv").read_text() == (
        "content,style,size,replicate,note,Ort\na,s.jpg,,,,\nb,s.jpg,,3,x,\nc,s.jpg,64,,,y\n"
    )


def test_no_rows_make_a_header(tmp_path: Path) -> None:
    assert write_manifest([], tmp_path / "m.csv") == 0
    assert (tmp_path / "m.csv").read_text() == "content,style\n"


@pytest.mark.parametrize("name", ["one\rtwo", "note"])
@pytest.mark.parametrize("value", ["one\rtwo", '"', "a\nb", "=1+1", ",", " x "])
def test_breaks_and_quotes_in_cells_and_headers_are_kept(name: str, value: str, tmp_path: Path) -> None:
    rows = [ManifestRow(2, "a", (StyleRef("s"),), extras={name: value})]
    write_manifest(rows, tmp_path / "m.csv")
    assert read_manifest(tmp_path / "m.csv") == rows


def test_nothing_remains_of_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "m.csv").mkdir()
    with pytest.raises(IsADirectoryError):
        write_manifest([], tmp_path / "m.csv")
    assert list(tmp_path.iterdir()) == [tmp_path / "m.csv"]


SPACED = [" a.jpg", "a.jpg", "a.jpg ", "a .jpg", "\u00a0a.jpg"]


def test_names_that_begin_or_end_with_a_space_stay_what_they_are(tmp_path: Path) -> None:
    contents = [Item(name, Path(f"c{i}"), "my class", split="val") for i, name in enumerate(SPACED)]
    styles = [Item(name, Path(f"s{i}"), artist="A") for i, name in enumerate(SPACED)]
    pairs = [Pair(c, (StyleShare(s),), "A", c.label, c.split) for c in contents for s in styles]
    pairs += [Pair(c, style_shares((styles[i], s)), "A", c.label, c.split) for c in contents
              for i, s in enumerate([*styles[1:], styles[0]])]  # fmt: skip
    pairs += [unstylized_pair(c, c.split) for c in contents]
    assert rewritten(pairs, tmp_path, contents, styles) == pairs


def test_spaces_around_a_cell_mean_nothing_where_no_name_has_them(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    path.write_text("content,style,label\n  a.jpg , s.jpg@0.5 ; t.jpg , cat \n")
    contents, styles = Catalogue((Item("a.jpg", Path("a")),)), Catalogue((Item("s.jpg", Path("s")),))
    (pair,) = read_pairs(path, 0, contents, StyleSet(styles))
    assert (pair.content, pair.styles[0].item, pair.label) == (contents.items[0], styles.items[0], "cat")
    assert pair.styles[1].item.id == "t.jpg"


def test_blends_of_styles_with_semicolons_and_ats_in_their_names_are_kept(tmp_path: Path) -> None:
    styles = [Item(name, Path(str(i))) for i, name in enumerate(["a;b.jpg", "b.jpg", "x;y;z@2", "@;", "c@half;d"])]
    content = Item("c.jpg", Path("c"))
    pairs = [Pair(content, style_shares((one, two)), None) for one in styles for two in styles if one != two]
    assert rewritten(pairs, tmp_path, [content], styles) == pairs


def test_two_spellings_of_an_artist_are_one_artist(tmp_path: Path) -> None:
    names = ["Claude Monet", "claude_monet", "CLAUDE\u00a0MONET ", "Claude  Monet"]
    styles = [Item(f"{number}.jpg", Path(name), artist=name) for number, name in enumerate(names)]
    content = Item("c.jpg", Path("c"))
    pairs = [Pair(content, (StyleShare(style),), style.artist) for style in styles]
    assert {pair.artist for pair in rewritten(pairs, tmp_path, [content], styles)} == {"Claude Monet"}


def test_spreadsheets_are_told_the_encoding_where_there_is_one_to_tell(tmp_path: Path) -> None:
    write_manifest([ManifestRow(2, "a.jpg", (StyleRef("s.jpg"),))], tmp_path / "ascii.csv")
    assert (tmp_path / "ascii.csv").read_bytes() == b"content,style\na.jpg,s.jpg\n"
    rows = [ManifestRow(2, "Füße.jpg", (StyleRef("s.jpg"),))]
    write_manifest(rows, tmp_path / "other.csv")
    assert (tmp_path / "other.csv").read_bytes().startswith(b"\xef\xbb\xbfcontent,")
    assert read_manifest(tmp_path / "other.csv") == rows
    assert pd.read_csv(tmp_path / "other.csv")["content"].tolist() == ["Füße.jpg"]


def test_what_a_spreadsheet_takes_for_a_formula_is_written_as_it_is_and_counted(tmp_path: Path) -> None:
    names = ["=1+1.jpg", "+a.jpg", "-b.jpg", "@c.jpg"]
    rows = [ManifestRow(number, name, (StyleRef("s.jpg"),)) for number, name in enumerate(names, start=2)]
    assert write_manifest(rows, tmp_path / "m.csv") == 4
    assert read_manifest(tmp_path / "m.csv") == rows
    assert pd.read_csv(tmp_path / "m.csv")["content"].tolist() == names
    assert formula_note(tmp_path / "m.csv") is not None
    write_manifest([ManifestRow(2, "a.jpg", (StyleRef("s.jpg"),))], tmp_path / "plain.csv")
    assert formula_note(tmp_path / "plain.csv") is None
