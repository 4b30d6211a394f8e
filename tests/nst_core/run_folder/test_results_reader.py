"""The reader of results: columns, damage, styles as lists, what is left of the loss."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from planned import pair, plan, planned, success

from nst_core.engine.batch import LossPoint
from nst_core.run_folder import results_reader
from nst_core.run_folder.plan_table import PlannedPair
from nst_core.run_folder.results import SCHEMA, chunk_file, result_files, unfinished_result, write_results
from nst_core.run_folder.results_reader import DamagedFile, count_rows, read_results, result_records, successes

LISTS = ["style_ids", "style_paths", "style_shares"]


def write(folder: Path, rows: list[PlannedPair], **changes: Any) -> list[Path]:
    for chunk_id in {row.chunk_id for row in rows}:
        members = [row for row in rows if row.chunk_id == chunk_id]
        write_results(
            [success(row, **changes) for row in members], chunk_file(folder, members[0].artist_slug, chunk_id)
        )
    return list(result_files(folder))


def write_styles(file: Path, *style_paths: str | None) -> None:
    """Rows as they were written before styles stood in lists."""
    rows = [{"pair_id": str(n), "status": "success", "style_path": text} for n, text in enumerate(style_paths)]
    old = pa.schema([field for field in SCHEMA if field.name not in LISTS])
    file.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows, schema=old), file)


@pytest.fixture
def twelve(tmp_path: Path) -> list[Path]:
    """Three files of four rows each."""
    return write(tmp_path, plan([pair(f"{i}.jpg") for i in range(12)], chunk=4))


def test_damaged_files_count_as_not_there_and_are_told(tmp_path: Path, twelve: list[Path]) -> None:
    twelve[0].write_bytes(twelve[0].read_bytes()[:-20])
    pq.write_table(pa.table({"pair_id": ["x"]}), twelve[1])
    damaged: list[DamagedFile] = []
    (part,) = read_results(twelve, ["pair_id"], damaged=damaged)
    assert (part.path, len(part.table)) == (twelve[2], 4)
    assert [one.path for one in damaged] == twelve[:2]
    assert "no columns pair_id and status" in damaged[1].reason
    assert len(list(result_records(tmp_path, ["pair_id", "status"]))) == 4
    assert [path for path, _ in count_rows(twelve)] == twelve[1:]


def test_a_damaged_page_is_found_where_it_is_read_or_the_whole_file_is(twelve: list[Path]) -> None:
    metadata = pq.read_metadata(twelve[0]).row_group(0).column(SCHEMA.get_field_index("content_path"))
    data = bytearray(twelve[0].read_bytes())
    offset = metadata.dictionary_page_offset or metadata.data_page_offset
    data[offset + metadata.total_compressed_size - 3] ^= 1
    twelve[0].write_bytes(data)
    assert len(list(read_results(twelve, ["pair_id"]))) == 3
    assert len(list(read_results(twelve, ["pair_id", "content_path"]))) == 2
    assert len(list(read_results(twelve, ["pair_id"], whole=True))) == 2


def test_a_file_that_goes_meanwhile_is_not_damaged(twelve: list[Path]) -> None:
    twelve[0].unlink()
    damaged: list[DamagedFile] = []
    assert len(list(read_results(twelve, ["pair_id"], damaged=damaged))) == 2
    assert not damaged


def test_what_a_file_lacks_is_null_in_its_type(tmp_path: Path) -> None:
    file = tmp_path / "part.parquet"
    pq.write_table(pa.table({"pair_id": ["a"], "status": ["success"]}), file)
    columns = ["attempts", "x_year", "loss_trace", "loss_left", *LISTS]
    (part,) = read_results([file], columns)
    assert part.table.schema.types[:2] == [pa.int32(), pa.string()]
    assert part.table.drop_columns(["loss_left"]).to_pylist() == [
        {"attempts": None, "x_year": None, "loss_trace": None, "style_ids": None, "style_paths": [], "style_shares": []}
    ]
    assert math.isnan(part.table["loss_left"][0].as_py())


def test_columns_come_in_the_order_asked_for_and_extras_are_named(tmp_path: Path) -> None:
    row = planned(extras={"year": "1889", "city": "Arles"})
    (part,) = read_results(write(tmp_path, [row]), ["x_year", "status", "pair_id"])
    assert part.table.to_pylist() == [{"x_year": "1889", "status": "success", "pair_id": row.pair_id}]
    assert part.extras == ("x_city", "x_year")


@pytest.mark.parametrize("rows", [0, 1, 7])
def test_reducing_batch_by_batch_comes_to_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: int) -> None:
    file = tmp_path / "part.parquet"
    done = [planned(pair_id=f"{n:016x}") for n in range(rows)]
    write_results(
        [unfinished_result(r, "failed", 1, "E", "e") if n % 3 else success(r) for n, r in enumerate(done)], file
    )
    columns = [*SCHEMA.names, "loss_left"]
    (whole,) = read_results([file], columns)
    monkeypatch.setattr(results_reader, "BATCH_ROWS", 2)
    (reduced,) = read_results([file], columns, reduce=successes)
    assert reduced.table.to_pylist() == successes(whole.table).to_pylist()
    assert len(reduced.table) == len(range(0, rows, 3))


def test_styles_of_rows_that_lack_the_lists_are_parsed_once(tmp_path: Path) -> None:
    there = tmp_path / "one; two@2.png"
    there.touch()
    file = tmp_path / "results" / "artist_slug=monet" / "part-0.parquet"
    write_styles(file, "a.jpg@0.7;b.jpg@0.3", "a.jpg", "", None, str(there), "a.jpg@x;b.jpg")
    found = list(result_records(tmp_path, LISTS))
    assert [row["style_paths"] for row in found] == [
        ["a.jpg", "b.jpg"], ["a.jpg"], [], [], [str(there)], ["a.jpg@x;b.jpg"],
    ]  # fmt: skip
    assert [row["style_shares"] for row in found] == [[0.7, 0.3], [1.0], [], [], [1.0], [1.0]]
    assert {row["style_ids"] for row in found} == {None}


def test_styles_are_those_of_the_lists_where_a_row_has_them(tmp_path: Path) -> None:
    row = planned(style_ids=("Ada/a;b.jpg",), style_paths=("art/a;b.jpg",), style_shares=(1.0,))
    write(tmp_path, [row])
    (found,) = result_records(tmp_path, ["style_path", *LISTS])
    assert found == {
        "style_path": "art/a;b.jpg", "style_ids": ["Ada/a;b.jpg"], "style_paths": ["art/a;b.jpg"], "style_shares": [1.0]
    }  # fmt: skip


@pytest.mark.parametrize(
    ("totals", "left"),
    [
        ([8.0, 4.0, 2.0], 0.25),
        ([8.0, math.nan, 2.0], 0.25),
        ([math.inf, 8.0, 4.0], 0.5),
        ([8.0, 0.0], math.nan),
        ([8.0], math.nan),
        ([], math.nan),
        (None, math.nan),
    ],
)
def test_the_loss_left_is_the_last_total_over_the_first(
    tmp_path: Path, totals: list[float] | None, left: float
) -> None:
    trace = None if totals is None else [LossPoint(n, 0, 0, 0, total) for n, total in enumerate(totals)]
    rows = [planned(pair_id="0" * 16), planned(pair_id="1" * 16)]
    file = tmp_path / "part.parquet"
    write_results([success(rows[0], loss_trace=trace), success(rows[1])], file)
    (part,) = read_results([file], ["loss_left"])
    np.testing.assert_allclose(part.table["loss_left"].to_numpy(), [left, 0.15])
