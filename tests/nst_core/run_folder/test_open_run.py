"""A run folder opened for reading, and the notebook that shows how."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from documents import ROOT
from finished import finished_run
from PIL import Image

from nst_core import open_run
from nst_core.errors import MissingImage, UsageError
from nst_core.run_folder.results import SCHEMA

NOTEBOOK = ROOT / "docs" / "notebooks" / "results.ipynb"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory, make_image: Callable[..., Path]) -> Path:
    """A folder in which `outputs/demo` is a small finished run, with rows of every status."""
    folder = tmp_path_factory.mktemp("notebook")
    config = finished_run(folder, make_image)
    shutil.move(config.run_folder, folder / "outputs" / "demo")
    return folder


@pytest.fixture
def run_path(demo: Path) -> Path:
    return demo / "outputs" / "demo"


def test_rows_are_the_results_with_what_else_is_known(run_path: Path) -> None:
    run = open_run(run_path)
    rows, everything = run.rows(), run.rows(status=None)
    assert set(rows["status"].to_pylist()) == {"success"}
    assert len(everything) > len(rows) > 0
    assert rows["pair_id"].to_pylist() == sorted(rows["pair_id"].to_pylist())
    assert {*SCHEMA.names} - {"loss_trace"} < {*rows.column_names}
    assert None not in rows["content_id"].to_pylist()
    narrow = run.rows(columns=("pair_id", "artist"))
    assert narrow.column_names == ["pair_id", "artist"]
    assert narrow["pair_id"].equals(rows["pair_id"])
    assert list(run.frame().pair_id) == rows["pair_id"].to_pylist()


def test_pictures_come_by_row_however_a_row_is_given(run_path: Path) -> None:
    run = open_run(str(run_path))
    frame = run.frame()
    row = frame.iloc[0]
    with Image.open(run_path / row.file_name) as picture:
        expected = picture.convert("RGB").tobytes()
    for given in (row, row.pair_id, dict(row), next(frame.itertuples())):
        assert run.image(given).convert("RGB").tobytes() == expected


def test_contents_and_styles_are_beside(run_path: Path, demo: Path) -> None:
    run = open_run(run_path)
    frame = run.frame()
    row = next(row for _, row in frame.iterrows() if len(row.style_paths) and Path(row.content_path).is_file())
    assert run.content(row).mode == "RGB"
    assert len(run.styles(row)) == len(row.style_paths)
    with Image.open(row.content_path) as picture:
        assert run.content(row).size == picture.size


def test_what_is_not_there_is_said(run_path: Path, tmp_path: Path) -> None:
    run = open_run(run_path)
    with pytest.raises(UsageError, match="has no row of the pair 'nothing'"):
        run.image("nothing")
    unfinished = run.frame(status=None).query("status != 'success'").iloc[0]
    with pytest.raises(UsageError, match="has no picture: its status says why"):
        run.image(unfinished)
    with pytest.raises(UsageError, match="is not a run folder"):
        open_run(tmp_path / "none")
    moved = tmp_path / "moved"
    shutil.copytree(run_path, moved)
    for file in (moved / "results").rglob("*.parquet"):
        _point_elsewhere(file)
    with pytest.raises(MissingImage):
        open_run(moved).content(run.rows()["pair_id"][0].as_py())


def _point_elsewhere(file: Path) -> None:
    import pyarrow.parquet as pq

    table = pq.ParquetFile(file).read()
    place = table.schema.get_field_index("content_path")
    gone = pa.array(["/nowhere/photo.jpg"] * len(table), pa.string())
    pq.write_table(table.set_column(place, "content_path", gone), file)


def test_the_notebook_runs_from_its_first_cell_to_its_last(demo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(demo)
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    assert len(code) >= 5
    assert all(not cell.get("outputs") for cell in cells)
    names: dict[str, Any] = {}
    for cell in code:
        exec(compile(cell, str(NOTEBOOK), "exec"), names)
    with Image.open("side-by-side.png") as strip:
        assert strip.width > strip.height
    assert len(names["rows"]) > 0
