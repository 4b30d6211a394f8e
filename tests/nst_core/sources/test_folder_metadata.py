"""Metadata of a folder, in CSV, JSON lines and Parquet, in any folder and any spelling of its columns."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nst_core.errors import SourceError
from nst_core.sources.base import Catalogue
from nst_core.sources.folder import folder_catalogue
from nst_core.sources.licenses import is_excluded, license_terms

ROWS = [
    {"file_name": "a.png", "label": "cat", "license": "CC-BY-4.0", "year": 1890, "tags": ["x", "y"], "note": None},
    {"file_name": "sub/b.png", "label": "dog", "license": None, "year": 1891, "tags": [], "note": "hm"},
]


def touch(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")
    return root


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def opened(root: Path, role: str = "content") -> Catalogue:
    return folder_catalogue(root, role)  # type: ignore[arg-type]


@pytest.mark.parametrize("suffix", ["jsonl", "parquet"])
def test_json_lines_and_parquet_say_what_csv_says(tmp_path: Path, suffix: str) -> None:
    touch(tmp_path, "a.png", "sub/b.png")
    write(tmp_path / f"metadata.{suffix}", ROWS)
    found = opened(tmp_path)
    assert [(i.id, i.label, i.license, i.extras) for i in found.items] == [
        ("a.png", "cat", "CC-BY-4.0", (("year", "1890"), ("tags", '["x", "y"]'), ("note", ""))),
        ("sub/b.png", "dog", None, (("year", "1891"), ("tags", "[]"), ("note", "hm"))),
    ]
    assert found.notes == ()


@pytest.mark.parametrize(
    "header",
    [
        "File_Name,Artist,License,Source URL",
        "filename,ARTIST,Licence,source-url",
        " FileName ,artist,license,SourceUrl",
    ],
)
def test_columns_are_known_in_any_spelling(tmp_path: Path, header: str) -> None:
    touch(tmp_path, "a.png")
    (tmp_path / "metadata.csv").write_text(f"{header}\na.png,Ann,CC BY-NC 4.0,https://example.org\n")
    found = opened(tmp_path, "style")
    [item] = found.items
    assert (item.artist, item.license, item.source_url) == ("Ann", "CC-BY-NC-4.0", "https://example.org")
    assert (item.extras, found.notes) == ((), ())


def test_the_exact_name_of_a_column_counts_and_the_other_is_told(tmp_path: Path) -> None:
    touch(tmp_path, "a.png")
    (tmp_path / "metadata.csv").write_text("file_name,Artist,artist,Years\na.png,no,Ann,1900–1950\n")
    found = opened(tmp_path, "style")
    [item] = found.items
    assert (item.artist, item.years) == ("Ann", "1900–1950")
    assert item.extras == (("Artist", "no"), ("Years", "1900–1950"))
    assert found.notes == (
        "Left out: column 'Artist' of metadata.csv is carried along as text, since 'artist' is read as artist.",
    )


def test_the_nearest_table_above_a_file_counts_and_rows_of_others_are_told(tmp_path: Path) -> None:
    touch(tmp_path, "cats/0.png", "cats/deep/1.png", "2.png")
    rows = "cats/0.png,CC0\ncats/deep/1.png,CC0\n2.png,CC0\n"
    (tmp_path / "metadata.csv").write_text(f"file_name,license\n{rows}")
    write(tmp_path / "cats" / "metadata.jsonl", [{"file_name": "0.png", "license": "CC-BY-4.0"}])
    found = opened(tmp_path)
    assert [(i.id, i.label, i.license) for i in found.items] == [
        ("2.png", None, "CC0-1.0"),
        ("cats/0.png", "cats", "CC-BY-4.0"),
        ("cats/deep/1.png", "cats", "CC0-1.0"),
    ]
    assert found.notes == (
        "Left out: 1 row of metadata.csv, since tables in nearer folders name the same files: cats/0.png.",
    )


def test_tables_that_are_not_read_are_named_once(tmp_path: Path) -> None:
    touch(tmp_path, "a.png", "sub/b.png", "metadata.xlsx", "sub/metadata.tsv")
    (tmp_path / "Metadata.CSV").write_text("file_name,label\na.png,x\nsub/b.png,y\n")
    write(tmp_path / "metadata.jsonl", ROWS)
    write(tmp_path / "metadata.parquet", ROWS)
    found = opened(tmp_path)
    assert [item.label for item in found.items] == ["x", "y"]
    assert found.notes == (
        "Left out: metadata.jsonl; Metadata.CSV is read in its place.",
        "Left out: metadata.parquet; Metadata.CSV is read in its place.",
        "Left out: metadata.xlsx; Metadata.CSV is read in its place.",
        "Left out: sub/metadata.tsv; read are metadata.csv, metadata.jsonl, metadata.parquet.",
    )


def test_further_pictures_of_a_row_are_told_as_left_out(tmp_path: Path) -> None:
    touch(tmp_path, "a.png", "a_mask.png")
    (tmp_path / "metadata.csv").write_text("file_name,mask_file_name\na.png,a_mask.png\n")
    found = opened(tmp_path)
    assert found.items[0].extras == (("mask_file_name", "a_mask.png"),)
    assert found.notes[0] == (
        "Left out: the further pictures that metadata.csv names in 'mask_file_name'; "
        "the names are carried along as text."
    )


def test_a_file_spelled_otherwise_is_found_where_that_is_certain(tmp_path: Path) -> None:
    touch(tmp_path, "a.png", "b.png", "c.png", "c.jpg", "D.png", "d.png")
    (tmp_path / "metadata.csv").write_text("file_name,label\na,1\nB.PNG,2\nc,3\nd.PNG,4\n")
    found = opened(tmp_path)
    labels = {item.id: item.label for item in found.items}
    assert labels == {"a.png": "1", "b.png": "2", "c.png": None, "c.jpg": None, "D.png": None, "d.png": None}
    assert found.notes[0] == "Spelled otherwise in metadata.csv than on the disk: B.PNG → b.png, a → a.png."
    assert found.notes[1] == "No file for 2 rows of metadata.csv: c, d.PNG."


def test_cells_that_pandas_reads_as_empty_are_empty_in_known_columns_only(tmp_path: Path) -> None:
    touch(tmp_path, "cat/a.png", "cat/b.png")
    (tmp_path / "metadata.csv").write_text("file_name,label,note\ncat/a.png,nan,nan\ncat/b.png,None,x\n")
    found = opened(tmp_path)
    assert [(item.label, dict(item.extras)["note"]) for item in found.items] == [("cat", "nan"), ("cat", "x")]
    assert found.notes == ("Read as empty: 2 cells of metadata.csv with 'nan', 'None'.",)


def test_a_folder_with_a_table_of_labels_is_no_label_itself(tmp_path: Path) -> None:
    touch(tmp_path, "train/0000/a.png", "train/0000/b.png")
    rows = [{"file_name": "a.png", "label": "cat"}, {"file_name": "b.png", "label": None}]
    write(tmp_path / "train" / "0000" / "metadata.parquet", rows)
    assert [(i.split, i.label) for i in opened(tmp_path).items] == [("train", "cat"), ("train", None)]


def test_a_stylized_picture_has_the_terms_of_photograph_and_painting(tmp_path: Path) -> None:
    touch(tmp_path, "a.png", "b.png", "c.png", "d.png")
    licenses = [("CC-BY-2.0", "CC-BY-NC-SA-4.0"), ("CC0-1.0", "CC0-1.0"), (None, "CC-BY-ND-2.0"), (None, None)]
    rows = [
        {"file_name": f"{name}.png", "content_license": photograph, "style_license": painting, "style_ids": ["s"]}
        for name, (photograph, painting) in zip("abcd", licenses, strict=True)
    ]
    rows[0]["content_source_url"] = "https://example.org/a"
    write(tmp_path / "metadata.parquet", rows)
    items = opened(tmp_path).items
    assert [item.license for item in items] == [
        "CC-BY-2.0;CC-BY-NC-SA-4.0", "CC0-1.0", "unknown;CC-BY-ND-2.0", None
    ]  # fmt: skip
    assert items[0].source_url == "https://example.org/a"
    assert license_terms(items[0].license) == {"by", "nc", "sa"}
    assert license_terms(items[2].license) == {"unknown", "by", "nd"}
    assert is_excluded(items[0].license, ["CC-BY-2.0"])


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("metadata.jsonl", b"", "is empty: each of its lines must be a JSON object"),
        ("metadata.jsonl", b"{}\n", "is empty: each of its rows"),
        ("metadata.jsonl", b"[1, 2]\n", "holds no row that can be read: row 1 of metadata.jsonl is no JSON object"),
        ("metadata.jsonl", b'{"file_name": "a.png"}\n{"file_na', "row 2 of metadata.jsonl is no JSON object"),
        ("metadata.jsonl", b'{"name": "a.png"}\n', "lacks the column 'file_name'"),
        ("metadata.jsonl", b'{"file_name": "../a.png"}\n', "leads outside the folder"),
        ("metadata.jsonl", b"\xff{}", "is not in UTF-8"),
        ("metadata.jsonl", b"[" * 100_000, "holds no row that can be read"),
        ("metadata.parquet", b"PAR1", "is not valid Parquet"),
        ("metadata.parquet", b"", "is not valid Parquet"),
        ("sub/metadata.csv", b"a,b\n1,2\n", "sub/metadata.csv lacks the column 'file_name'; it has 'a', 'b'"),
    ],
)
def test_tables_that_cannot_be_read_are_told(tmp_path: Path, name: str, data: bytes, message: str) -> None:
    touch(tmp_path, "a.png", "sub/b.png")
    (tmp_path / name).write_bytes(data)
    with pytest.raises(SourceError, match=message):
        opened(tmp_path)


def test_half_a_surrogate_pair_and_bytes_harm_nobody(tmp_path: Path) -> None:
    touch(tmp_path, "a.png")
    (tmp_path / "metadata.jsonl").write_bytes(b'{"file_name": "a.png", "label": "\\ud800", "x\\ud800": NaN}\n')
    [item] = opened(tmp_path).items
    assert (item.label, item.extras) == ("\\ud800", (("x\\ud800", ""),))
    (tmp_path / "metadata.jsonl").unlink()
    write(tmp_path / "metadata.parquet", [{"file_name": "a.png", "image": {"bytes": b"\0"}, "raw": b"\0"}])
    found = opened(tmp_path)
    assert found.items[0].extras == ()
    assert found.notes == (
        "Left out: column 'image' of metadata.parquet holds bytes in 1 row.",
        "Left out: column 'raw' of metadata.parquet holds bytes in 1 row.",
    )


@pytest.mark.parametrize(
    ("text", "cells", "noted"),
    [
        ('"Lilies" study', "Lilies study", True),
        ('"Say \\"hi\\""', 'Say "hi"', True),
        ('"Say ""hi"""', 'Say "hi"', False),
        ('12" x 9"', '12" x 9"', False),
        ('"two\nlines"', "two\nlines", False),
    ],
)
def test_quotes_out_of_place_lose_no_row(tmp_path: Path, text: str, cells: str, noted: bool) -> None:
    touch(tmp_path, "a.png", "b.png")
    (tmp_path / "metadata.csv").write_text(f"file_name,label,title\na.png,x,{text}\nb.png,y,z\n")
    found = opened(tmp_path)
    assert [(i.label, i.extras[0][1]) for i in found.items] == [("x", cells), ("y", "z")]
    told = "metadata.csv has quotes out of place, which were read as well as they can be: row 2."
    assert found.notes == ((told,) if noted else ())


@pytest.mark.parametrize(("head", "encoding"), [("sep=;\r\n", "utf-8"), ("", "utf-16")])
def test_tables_in_excel_s_own_forms_are_read(tmp_path: Path, head: str, encoding: str) -> None:
    touch(tmp_path, "a.png")
    (tmp_path / "metadata.csv").write_bytes(f"{head}file_name;label\r\na.png;é, x\r\n".encode(encoding))
    assert opened(tmp_path).items[0].label == "é, x"
