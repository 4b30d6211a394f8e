"""Result files: the columns that DESIGN fixes, readable by whatever people read Parquet with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from planned import pair, plan, planned, success

from nst_core.run_folder.plan_table import PlannedPair
from nst_core.run_folder.results import (
    Result,
    chunk_file,
    partition_slug,
    read_chunk,
    result_files,
    unfinished_result,
    write_results,
)

# Copied from DESIGN section 4.
DESIGN = """
pair_id, chunk_id, status, error_class, error_message, attempts, content_path,
style_path, style_ids, style_paths, style_shares, file_name, split, label,
artist, genre, width, height, size, iterations, evaluations, alpha, beta, tv_weight,
content_loss, style_loss, tv_loss, total_loss,
loss_trace, seconds, device, precision, peak_mem_mb,
seed, method, features, weights_sha256, fingerprint, fingerprint_version, code_version, content_sha256, style_sha256,
output_sha256, content_license, content_source_url, style_license, created_at
""".replace("\n", " ")
COLUMNS = [name.strip() for name in DESIGN.split(",")]


def read_by_pandas(folder: Path) -> pd.DataFrame:
    return pd.read_parquet(folder)


def read_by_pyarrow(folder: Path) -> pd.DataFrame:
    return ds.dataset(folder, format="parquet", partitioning="hive").to_table().to_pandas()


def read_by_duckdb(folder: Path) -> pd.DataFrame:
    return (
        duckdb.sql(f"SELECT * FROM read_parquet('{folder}/**/*.parquet', hive_partitioning=true)")
        .to_arrow_table()
        .to_pandas()
    )


each_reader = pytest.mark.parametrize("read", [read_by_pandas, read_by_pyarrow, read_by_duckdb])


def write(folder: Path, rows: list[PlannedPair], **changes: Any) -> None:
    for chunk_id in {row.chunk_id for row in rows}:
        members = [row for row in rows if row.chunk_id == chunk_id]
        results = [success(row, **changes) for row in members]
        write_results(results, chunk_file(folder, members[0].artist_slug, chunk_id))


def test_the_columns_are_those_of_the_design_in_its_order(tmp_path: Path) -> None:
    path = tmp_path / "part.parquet"
    write_results([success(planned())], path)
    schema = pq.read_schema(path)
    assert schema.names == COLUMNS
    assert schema.field("loss_trace").type == pa.list_(
        pa.struct(
            [
                ("iteration", pa.int32()),
                ("content", pa.float32()),
                ("style", pa.float32()),
                ("tv", pa.float32()),
                ("total", pa.float32()),
            ]
        )
    )


def test_columns_without_a_value_keep_their_type(tmp_path: Path) -> None:
    path = tmp_path / "part.parquet"
    write_results([unfinished_result(planned(), "failed", 3, "OSError", "gone")], path)
    schema = pq.read_schema(path)
    assert not [field.name for field in schema if pa.types.is_null(field.type)]
    assert schema.field("total_loss").type == pa.float64()


def test_the_partition_is_in_the_path_only(tmp_path: Path) -> None:
    write(tmp_path, plan([pair()]))
    (path,) = result_files(tmp_path)
    assert path.relative_to(tmp_path) == Path("results/artist_slug=monet/part-00000-00000.parquet")
    assert "artist_slug" not in pq.read_schema(path).names


@each_reader
def test_common_readers_read_the_folder(tmp_path: Path, read: Callable[[Path], pd.DataFrame]) -> None:
    rows = plan([pair(f"{i}.jpg", artist=artist) for i in range(6) for artist in ("Claude Monet", "北斎", None)])
    write(tmp_path, rows)
    table = read(tmp_path / "results")
    assert set(table.columns) == {*COLUMNS, "artist_slug"}
    found = {(r.pair_id, r.artist_slug) for r in table.itertuples()}
    assert found == {(row.pair_id, row.artist_slug) for row in rows}
    assert set(table["artist"].dropna()) == {"Claude Monet", "北斎"}
    assert table["artist"].isna().sum() == 6
    trace = table["loss_trace"][0]
    assert [point["iteration"] for point in trace] == [0, 10]
    assert [point["total"] for point in trace] == [5.0, 0.75]


@each_reader
@pytest.mark.parametrize(
    "artists", [["1984", "2001"], ["1984", "Monet"], ["null", "none", "NaN"], ["007"], ["2024-01-31"], ["true"], [None]]
)
def test_artists_whose_names_look_like_something_else_are_read(
    tmp_path: Path, read: Callable[[Path], pd.DataFrame], artists: list[str | None]
) -> None:
    rows = plan([pair(artist=artist) for artist in artists])
    write(tmp_path, rows)
    table = read(tmp_path / "results")
    assert sorted(table["pair_id"]) == sorted(row.pair_id for row in rows)
    assert set(table["artist"].dropna()) == {artist for artist in artists if artist}
    assert table["artist_slug"].notna().all()


@each_reader
def test_a_folder_with_all_kinds_of_rows_is_read(tmp_path: Path, read: Callable[[Path], pd.DataFrame]) -> None:
    done, broken = plan([pair(), pair("b.jpg", artist="Hokusai")])
    write_results([success(done)], chunk_file(tmp_path, done.artist_slug, done.chunk_id))
    lost = unfinished_result(broken, "quarantined", 1, "MissingImage", "b.jpg: there is no such file")
    write_results([lost], chunk_file(tmp_path, broken.artist_slug, broken.chunk_id))
    assert sorted(read(tmp_path / "results")["status"]) == ["quarantined", "success"]


def test_manifests_whose_extra_columns_differ_between_runs_can_be_read(tmp_path: Path) -> None:
    for number, more in enumerate(({"year": "1889"}, {}, {"city": "Arles"})):
        row = planned(pair_id=str(number) * 16, chunk_id=f"{number:05d}-00000", extras=more)
        write_results([success(row)], chunk_file(tmp_path, row.artist_slug, row.chunk_id))
    folder = tmp_path / "results"
    assert len(read_by_pandas(folder)) == len(read_by_pyarrow(folder)) == 3
    union = f"SELECT x_year, x_city FROM read_parquet('{folder}/**/*.parquet', union_by_name=true) ORDER BY pair_id"
    assert duckdb.sql(union).fetchall() == [("1889", None), (None, None), (None, "Arles")]


def test_a_row_comes_back_as_it_was(tmp_path: Path) -> None:
    row = planned(extras={"Größe": "3 m", "note": ""}, label="Käse", genre=None)
    result = replace(
        success(row), created_at=datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC), peak_mem_mb=0.1, width=64, beta=1e-7
    )
    path = tmp_path / "part.parquet"
    write_results([result], path)
    assert read_chunk(path) == {row.pair_id: result}


def test_an_unfinished_row_comes_back_as_it_was(tmp_path: Path) -> None:
    result = unfinished_result(planned(style_sha256=(None,)), "quarantined", 2, "MissingImage", "a.jpg: é")
    path = tmp_path / "part.parquet"
    write_results([result], path)
    assert read_chunk(path) == {result.pair_id: result}
    assert result.loss_trace is None
    assert result.style_sha256 is None
    assert result.file_name is None


def test_extra_columns_of_a_manifest_stand_behind_the_others(tmp_path: Path) -> None:
    one, other = planned(extras={"year": "1889", "status": "mine"}), planned(pair_id="f" * 16, extras={"Ort": "Arles"})
    path = tmp_path / "part.parquet"
    write_results([success(one), success(other)], path)
    table = pq.read_table(path)
    assert table.column_names == [*COLUMNS, "x_Ort", "x_status", "x_year"]
    assert table["x_year"].to_pylist() == ["1889", None]
    assert table["status"].to_pylist() == ["success", "success"]
    assert [result.extras for result in read_chunk(path).values()] == [one.extras, other.extras]


def test_blends_stand_as_in_a_manifest(tmp_path: Path) -> None:
    row = planned(style_paths=("a.jpg", "b.jpg"), style_shares=(0.7, 0.3), style_sha256=("1" * 64, "2" * 64))
    result = success(row)
    assert result.style_path == "a.jpg@0.7;b.jpg@0.3"
    assert (result.style_ids, result.style_paths, result.style_shares) == (
        row.style_ids,
        row.style_paths,
        row.style_shares,
    )
    assert result.style_sha256 == f"{'1' * 64};{'2' * 64}"


def test_a_retry_replaces_the_file_as_a_whole(tmp_path: Path) -> None:
    rows = plan([pair("a.jpg"), pair("b.jpg")])
    path = chunk_file(tmp_path, "monet", rows[0].chunk_id)
    write_results([unfinished_result(row, "failed", 1, "OSError", "gone") for row in rows], path)
    write_results([success(row) for row in rows], path)
    assert [result.status for result in read_chunk(path).values()] == ["success", "success"]
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_chunk_without_a_file_has_no_rows(tmp_path: Path) -> None:
    assert read_chunk(tmp_path / "part.parquet") == {}


def test_a_damaged_file_of_a_chunk_is_an_error(tmp_path: Path) -> None:
    write(tmp_path, plan([pair()]))
    (file,) = result_files(tmp_path)
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(pa.ArrowException):
        read_chunk(file)


def test_a_row_without_lists_of_styles_has_them_from_its_style_path(tmp_path: Path) -> None:
    path = tmp_path / "part.parquet"
    row = planned(style_paths=("a.jpg", "b.jpg"), style_shares=(0.7, 0.3))
    write_results([success(row)], path)
    pq.write_table(pq.read_table(path).drop_columns(["style_ids", "style_paths", "style_shares"]), path)
    (found,) = read_chunk(path).values()
    assert (found.style_ids, found.style_paths, found.style_shares) == (None, ("a.jpg", "b.jpg"), (0.7, 0.3))


@pytest.mark.parametrize("slug", ["", ".", "..", "a\\b"])
def test_a_folder_that_no_slug_names_holds_no_results(tmp_path: Path, slug: str) -> None:
    write(tmp_path, plan([pair("a.jpg")]))
    (file,) = result_files(tmp_path)
    stray = tmp_path / "results" / f"artist_slug={slug}" / file.name
    stray.parent.mkdir()
    stray.write_bytes(file.read_bytes())
    assert list(result_files(tmp_path)) == [file]
    assert partition_slug(file) == file.parent.name.partition("=")[2]


def test_every_column_has_a_field() -> None:
    assert set(Result.__dataclass_fields__) - {"extras"} == set(COLUMNS)
