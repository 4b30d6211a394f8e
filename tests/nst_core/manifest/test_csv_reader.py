"""The manifest: what people edit in a spreadsheet is read as they mean it, and all that is wrong is told at once."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nst_core.errors import ManifestError
from nst_core.manifest.csv_reader import read_manifest
from nst_core.manifest.csv_writer import write_manifest
from nst_core.manifest.row import ManifestRow, Overrides
from nst_core.manifest.style_cell import StyleRef, format_styles, parse_styles

ARTISTS = ["Vincent van Gogh", "Claude Monet", "Albrecht Dürer"]


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "manifest.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def read(folder: Path, text: str | bytes) -> list[ManifestRow]:
    return read_manifest(written(folder, text), ARTISTS)


def faults_of(folder: Path, text: str | bytes) -> str:
    with pytest.raises(ManifestError) as caught:
        read(folder, text)
    return str(caught.value)


def test_every_column_arrives(tmp_path: Path) -> None:
    (row,) = read(
        tmp_path,
        "content,style,artist,label,split,style_weight,content_weight,strength,size,seed,note\n"
        "a.jpg,b.jpg,Claude Monet,cat,train,2.5,0,0.3,128,7,for the show\n",
    )
    assert row == ManifestRow(
        2,
        "a.jpg",
        (StyleRef("b.jpg"),),
        "Claude Monet",
        "cat",
        "train",
        Overrides(2.5, 0.0, 128, 7, 0.3),
        {"note": "for the show"},
    )


def test_optional_columns_may_be_left_out_or_empty(tmp_path: Path) -> None:
    (row,) = read(tmp_path, "content,style,size,label\na.jpg,b.jpg,,\n")
    assert row == ManifestRow(2, "a.jpg", (StyleRef("b.jpg"),))
    (row,) = read(tmp_path, "content,artist\na.jpg,Claude Monet\n")
    assert row == ManifestRow(2, "a.jpg", (), "Claude Monet")


def test_all_faults_are_told_at_once_with_row_column_value_and_reason(tmp_path: Path) -> None:
    message = faults_of(
        tmp_path,
        "content,style,artist,size,seed,style_weight,content_weight\n"
        "a.jpg,b.jpg,,128,1,1,1\n"
        ",b.jpg,,,,,\n"
        "c.jpg,b.jpg,,12,,,\n"
        "d.jpg,b.jpg,,,-3,,\n"
        "e.jpg,b.jpg,,,,0,\n"
        "f.jpg,b.jpg,,,,,heavy\n"
        "g.jpg,b.jpg@0.5;c.jpg@none,,,,,\n"
        "h.jpg,,Vincent van Gog,,,,\n"
        "i.jpg,,,,,,\n"
        "j.jpg,b.jpg,\n"
        "a.jpg,b.jpg,,128,1,1,1\n",
    )
    lines = message.splitlines()
    assert lines[0] == f"The manifest {tmp_path / 'manifest.csv'} has 10 faults; nothing was started:"
    assert lines[1:] == [
        "  row 3, column content, value '': is empty",
        "  row 4, column size, value '12': must be a whole number of pixels, 16 to 65500",
        "  row 5, column seed, value '-3': must be a whole number, 0 or more",
        "  row 6, column style_weight, value '0': must be a number above 0",
        "  row 7, column content_weight, value 'heavy': must be a number, 0 or more",
        "  row 8, column style, value 'b.jpg@0.5;c.jpg@none': "
        "names no style, or a share after @ is not a number above 0",
        "  row 9, column artist, value 'Vincent van Gog': the style source has no such artist "
        "(did you mean 'Vincent van Gogh'?)",
        "  row 10, column style, value '': is empty, and so is artist: a row needs one of them",
        "  row 11, column all, value 'j.jpg,b.jpg,': has 3 cells, the header 7",
        "  row 12, column content, value 'a.jpg': the same as row 2",
    ]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("size", "128.5"),
        ("size", "1e3"),
        ("size", "15"),
        ("size", "65501"),
        ("size", "9" * 30),
        ("size", "-128"),
        ("seed", "1.5"),
        ("size", "1,024"),
        ("seed", "x"),
        ("seed", "9" * 19),
        ("style_weight", "-1"),
        ("style_weight", "nan"),
        ("style_weight", "inf"),
        ("style_weight", "9" * 400),
        ("style_weight", "1,5"),
        ("strength", "1.5"),
        ("strength", "-0.1"),
        ("strength", "nan"),
        ("strength", "half"),
        ("content_weight", "1_000"),
        ("content_weight", "-0.1"),
        ("style", ";"),
        ("style", "b.jpg@0"),
        ("style", "b.jpg@-1"),
        ("style", "b.jpg@half"),
        ("style", "b.jpg@"),
    ],
)
def test_a_value_of_the_wrong_type_is_a_fault(tmp_path: Path, column: str, value: str) -> None:
    names = ["style", "size", "seed", "style_weight", "content_weight", "strength"]
    cells = {"style": "b.jpg", column: value}
    text = f"content,{','.join(names)}\na.jpg," + ",".join(f'"{cells.get(name, "")}"' for name in names) + "\n"
    message = faults_of(tmp_path, text)
    assert f"row 2, column {column}, value {value!r}: " in message
    assert "1 fault;" in message


@pytest.mark.parametrize("value", ["1", "0.5", ".5", "2.", "1e-3", "+3", " 1 ", "1E5"])
def test_numbers_are_read_as_people_write_them(tmp_path: Path, value: str) -> None:
    (row,) = read(tmp_path, f"content,style,style_weight\na.jpg,b.jpg,{value}\n")
    assert row.overrides.style_weight == float(value)


def test_numbers_of_tables_with_semicolons_have_decimal_commas(tmp_path: Path) -> None:
    header = "content;style;style_weight;content_weight;size;seed;replicate"
    (row,) = read(tmp_path, f'{header}\na.jpg;"b.jpg@0,7;c.jpg@0,3";0,5;1,5e3;64,0;3;1,0\n')
    assert row.styles == (StyleRef("b.jpg", 0.7), StyleRef("c.jpg", 0.3))
    assert (row.overrides, row.replicate) == (Overrides(0.5, 1500.0, 64, 3), 1)


def test_whole_numbers_that_pandas_made_floats_are_whole(tmp_path: Path) -> None:
    rows = read(tmp_path, "content,style,size,seed,replicate\na.jpg,b.jpg,64.0,,0.0\na.jpg,b.jpg,,3.0,1.0\n")
    assert [(row.overrides.size, row.overrides.seed, row.replicate) for row in rows] == [(64, None, 0), (None, 3, 1)]


def test_many_faults_are_counted_and_the_first_shown(tmp_path: Path) -> None:
    message = faults_of(tmp_path, "content,style,size\n" + "".join(f"{i}.jpg,b.jpg,x\n" for i in range(120)))
    assert "120 faults" in message
    assert "… and 70 more" in message
    assert len(message.splitlines()) == 52


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty: its first line must name the columns"),
        ("\n\n", "is empty"),
        ("content,style\n", "has no rows below its header"),
        ("content,style\n\n,\n", "has no rows below its header"),
        ("contnet,style\na,b\n", "lacks the column 'content' (did you mean 'contnet'?)"),
        ("content,label\na,b\n", "needs a column 'style' or 'artist'; it has 'content', 'label'"),
        ("content,style,content\na,b,c\n", "has the column 'content' twice"),
        ("content,style, content \na,b,c\n", "has the column 'content' twice"),
        ("content,,style\na,x,b\n", "has a column without a name, number 2"),
        (
            "content,style,note,Note\na,b,c,d\n",
            "has the column 'note' twice; it has 'content', 'style'",
        ),
        ('content,style\n"a,b\n', "is not valid CSV, row 2: a quote is opened and never closed."),
        ('content,style\na,b\n\n"a" b,c\n', "is not valid CSV, row 4: text follows a closing quote"),
        ("content,style\nD\xfcrer.jpg,b\n".encode("latin-1"), "is not in UTF-8"),
        ("content,style\na,b\n".encode("utf-16")[:-1], "is not in UTF-8"),
    ],
)
def test_a_file_that_is_no_manifest_is_refused_in_one_sentence(tmp_path: Path, text: str | bytes, said: str) -> None:
    message = faults_of(tmp_path, text)
    assert said in message
    assert str(tmp_path / "manifest.csv") in message
    assert "\n" not in message


def test_a_manifest_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="cannot be read: No such file"):
        read_manifest(tmp_path / "nope.csv")
    with pytest.raises(ManifestError, match="cannot be read: Is a directory"):
        read_manifest(tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        b"\xef\xbb\xbfcontent,style\na.jpg,b.jpg\n",
        b"content,style\r\na.jpg,b.jpg\r\n",
        b"content,style\ra.jpg,b.jpg\r",
        b"content,style\na.jpg,b.jpg",
        b" content , style \n a.jpg , b.jpg \n",
        b'"content","style"\n"a.jpg","b.jpg"\n',
        b"style,content\nb.jpg,a.jpg\n",
        b"content,style,,\na.jpg,b.jpg,,\n",
        b"content;style\na.jpg;b.jpg\n",
        b"content\tstyle\r\na.jpg\tb.jpg\r\n",
        b"sep=;\r\ncontent;style\r\na.jpg;b.jpg\r\n",
        b'"sep=,"\ncontent,style\na.jpg,b.jpg\n',
        b"sep=|\ncontent|style\na.jpg|b.jpg\n",
        b"Content,STYLE\na.jpg,b.jpg\n",
        b",content,style\n0,a.jpg,b.jpg\n",
        "content\tstyle\na.jpg\tb.jpg\n".encode("utf-16"),
    ],
    ids=[
        "BOM",
        "CRLF",
        "CR",
        "no newline at the end",
        "spaces",
        "quotes",
        "order",
        "empty columns",
        "semicolons",
        "tabs",
        "sep=;",
        "sep=,",
        "sep=|",
        "capitals",
        "index of pandas",
        "UTF-16 of spreadsheets",
    ],
)
def test_what_spreadsheets_write_is_read(tmp_path: Path, text: bytes) -> None:
    assert read(tmp_path, text) == [ManifestRow(2, "a.jpg", (StyleRef("b.jpg"),))]


def test_quoted_commas_newlines_and_quotes_are_part_of_a_value(tmp_path: Path) -> None:
    (row, last) = read(tmp_path, 'content,style,note\n"a, b.jpg","c ""d"".jpg","two\nlines"\nx.jpg,y.jpg,\n')
    assert (row.content, row.styles) == ("a, b.jpg", (StyleRef('c "d".jpg'),))
    assert row.extras == {"note": "two\nlines"}
    assert (last.number, last.content) == (3, "x.jpg")


def test_row_numbers_are_those_of_the_spreadsheet(tmp_path: Path) -> None:
    rows = read(tmp_path, "content,style\na.jpg,s.jpg\n\n,\nb.jpg,s.jpg\n")
    assert [(row.number, row.content) for row in rows] == [(2, "a.jpg"), (5, "b.jpg")]


@pytest.mark.parametrize(
    "name", ["claude monet", "CLAUDE_MONET", " Claude  Monet ", "albrecht_dürer", "VINCENT VAN GOGH"]
)
def test_the_spelling_of_an_artist_is_forgiven(tmp_path: Path, name: str) -> None:
    (row,) = read(tmp_path, f"content,artist\na.jpg,{name}\n")
    assert row.artist == name.strip()


def test_an_artist_beside_a_style_need_not_be_known(tmp_path: Path) -> None:
    (row,) = read(tmp_path, "content,style,artist\na.jpg,b.jpg,My Aunt\n")
    assert row.artist == "My Aunt"


def test_the_same_row_twice_is_a_fault_whatever_the_extra_columns_say(tmp_path: Path) -> None:
    text = "content,style,size,note\na.jpg,s.jpg,64,x\na.jpg,s.jpg,32,x\na.jpg,s.jpg,64,y\na.jpg,s.jpg,64,z\n"
    message = faults_of(tmp_path, text)
    assert "row 4, column content, value 'a.jpg': the same as row 2" in message
    assert "row 5, column content, value 'a.jpg': the same as row 2" in message
    assert "2 faults" in message


def test_extra_columns_are_carried_through_unchanged(tmp_path: Path) -> None:
    (row,) = read(tmp_path, "content,style,  Größe ,id\na.jpg,b.jpg,  3 m ,007\n")
    assert row.extras == {"Größe": "  3 m ", "id": "007"}


@pytest.mark.parametrize(
    ("text", "styles"),
    [
        ("a.jpg", [("a.jpg", 1.0)]),
        ("a.jpg@0.7;b.jpg@0.3", [("a.jpg", 0.7), ("b.jpg", 0.3)]),
        ("a.jpg; b.jpg ;", [("a.jpg", 1.0), ("b.jpg", 1.0)]),
        ("a.jpg@2;b.jpg", [("a.jpg", 2.0), ("b.jpg", 1.0)]),
        ("a.jpg@1e-2", [("a.jpg", 0.01)]),
        ("logo@2x.png", [("logo@2x.png", 1.0)]),
        ("photo@2.jpg", [("photo@2.jpg", 1.0)]),
        ("photo@0.5.jpg", [("photo@0.5.jpg", 1.0)]),
        ("me@home/a.jpg", [("me@home/a.jpg", 1.0)]),
        ("me@home/a.jpg@0.5", [("me@home/a.jpg", 0.5)]),
        ("me@2024/a", [("me@2024/a", 1.0)]),
        ("@home.jpg", [("@home.jpg", 1.0)]),
        ("a@b@0.5", [("a@b", 0.5)]),
        ("photo@2.jpg@0.5;b.jpg@0.5", [("photo@2.jpg", 0.5), ("b.jpg", 0.5)]),
        ("", []),
    ],
)
def test_blends_and_names_with_an_at_are_told_apart(text: str, styles: list[tuple[str, float]]) -> None:
    assert parse_styles(text) == tuple(StyleRef(*style) for style in styles)


def test_a_style_of_the_source_is_one_style_whatever_its_name(tmp_path: Path) -> None:
    path = written(tmp_path, "content,style\na.jpg,odd;name@half\n")
    (row,) = read_manifest(path, style_ids=["odd;name@half"])
    assert row.styles == (StyleRef("odd;name@half"),)


style_names = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters=";"), min_size=1).filter(
    lambda name: name == name.strip()
)
shares = st.floats(1e-6, 1e6)
style_refs = st.lists(st.builds(StyleRef, style_names, st.just(1.0) | shares), min_size=1, max_size=3).map(tuple)


@given(style_refs)
@example((StyleRef("img@2"),))
@example((StyleRef("a@half"), StyleRef("b", 1 / 3)))
def test_styles_written_read_as_the_same_styles(styles: tuple[StyleRef, ...]) -> None:
    assert parse_styles(format_styles(styles)) == styles


@pytest.mark.parametrize("name", ["a.jpg", "logo@2x.png", "photo@2.jpg", "monet-1", "a b/c.jpg"])
def test_a_single_style_stands_alone(name: str) -> None:
    assert format_styles([StyleRef(name)]) == name


names = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1).filter(lambda name: name == name.strip())
cells = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
weights = st.none() | st.floats(1e-6, 1e9)
overrides = st.builds(
    Overrides, weights, weights, st.none() | st.integers(16, 65500), st.none() | st.integers(0, 10**18 - 1)
)
rows = st.builds(
    lambda content, styles, artist, label, split, over, note, more: ManifestRow(
        0, content, styles, artist, label, split, over, {"note": note, "Ort, Land": more}
    ),
    names,
    style_refs,
    st.none() | names,
    st.none() | names,
    st.none() | names,
    overrides,
    cells,
    cells,
)


@settings(max_examples=25, deadline=None)
@given(st.lists(rows, min_size=1, max_size=4, unique_by=lambda row: row.content))
def test_what_is_written_is_read_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, written: list[ManifestRow]
) -> None:
    path = tmp_path_factory.mktemp("manifest") / "manifest.csv"
    write_manifest(written, path)
    assert [replace(row, number=0) for row in read_manifest(path)] == written


def test_only_columns_in_use_are_written(tmp_path: Path) -> None:
    path = tmp_path / "manifest.csv"
    write_manifest([ManifestRow(2, "a.jpg", (StyleRef("b.jpg"),), label="cat")], path)
    assert path.read_text() == "content,style,label\na.jpg,b.jpg,cat\n"


def test_large_weights_are_written_in_full(tmp_path: Path) -> None:
    path = tmp_path / "manifest.csv"
    write_manifest([ManifestRow(2, "a", (StyleRef("b"),), overrides=Overrides(1234567.0, 1 / 3))], path)
    assert re.search(r"a,b,1234567,0\.333333333333333\d", path.read_text())
