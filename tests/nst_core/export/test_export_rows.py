"""Which rows are exported, and in which order."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from nst_core.export import rows as rows_module
from nst_core.export.rows import ExportRow, read_selection


def exported(run: Path) -> list[ExportRow]:
    selection = read_selection(run)
    return list(selection.rows(list(selection.ids)))


def test_rows_come_by_pair_id_whatever_their_chunks(make_run: Callable[..., Path]) -> None:
    rows = exported(make_run(*[{}] * 7, chunk=2))
    assert [row.pair_id for row in rows] == sorted(row.pair_id for row in rows)
    assert exported(make_run(*[{}] * 7, chunk=5, name="other")) == rows
    assert {row.columns["seed"] for row in rows} == set(range(7))


def test_a_window_at_a_time_gives_the_same_rows(make_run: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run(*[{"split": split} for split in ("train", None, "val", "train", "val", None, "train")])
    whole = exported(run)
    monkeypatch.setattr(rows_module, "WINDOW", 2)
    assert exported(run) == whole
    assert len(whole) == 7
    assert {row.split for row in read_selection(run).rows(["val"])} == {"val"}


def test_only_successes_count(make_run: Callable[..., Path]) -> None:
    run = make_run({}, {"status": "failed"}, {"status": "quarantined"}, {"status": None}, {"status": "skipped"})
    selection = read_selection(run)
    assert (len(selection), selection.planned) == (1, 5)
    assert [row.columns["seed"] for row in exported(run)] == [0]


def test_ids_stand_in_place_of_paths_and_extras_are_carried(make_run: Callable[..., Path]) -> None:
    run = make_run({"x_camera": "Leica"}, {}, {"x_coco_image_id": "785"}, chunk=1)
    told = {row.columns["seed"]: row.columns for row in exported(run)}
    assert told[0]["content_id"] == "photos/0.jpg"
    assert told[0]["style_ids"] == ["Monet/1.jpg"]
    assert [told[n]["x_camera"] for n in range(3)] == ["Leica", None, None]
    assert told[2]["x_coco_image_id"] == "785"
    assert not any("somebody" in str(value) for columns in told.values() for value in columns.values())


def test_rows_that_no_plan_knows_are_told_by_their_files_names(make_run: Callable[..., Path]) -> None:
    run = make_run({})
    (run / "plan" / "part-00000.parquet").unlink()
    assert exported(run)[0].columns["content_id"] == "0.jpg"


def test_a_damaged_file_is_counted_and_passed_over(make_run: Callable[..., Path]) -> None:
    run = make_run(*[{}] * 6, chunk=2)
    (run / "results" / "artist_slug=monet" / "part-00002.parquet").write_bytes(b"PAR1 half")
    selection = read_selection(run)
    assert (len(selection), selection.damaged) == (4, 1)
    assert len(exported(run)) == 4


def test_a_pair_with_two_rows_is_exported_once_as_the_later_says(make_run: Callable[..., Path]) -> None:
    run = make_run({"seed": 5})
    later = make_run({"seed": 6, "created_at": datetime(2027, 1, 2, tzinfo=UTC)}, name="later")
    source = later / "results" / "artist_slug=monet" / "part-00000.parquet"
    (run / "results" / "artist_slug=monet" / "part-00009.parquet").write_bytes(source.read_bytes())
    assert [row.columns["seed"] for row in exported(run)] == [6]
