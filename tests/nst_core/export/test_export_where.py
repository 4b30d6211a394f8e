"""Exports of the images that fulfil a condition."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from nst_core.errors import UsageError
from nst_core.export import ExportOptions, export_run
from nst_core.run_folder.quality import MEASURES, baselines_file, quality_file, write_quality

MakeRun = Callable[..., Path]


@pytest.fixture
def run(make_run: MakeRun) -> Path:
    """Four images in two chunks, of which the last is not judged: 0.1, 0.2, 0.3, none."""
    return judged(make_run({"x_note": "a"}, {}, {}, {}))


def judged(run: Path) -> Path:
    for number, part in enumerate(sorted((run / "results").rglob("*.parquet"))):
        rows = pq.ParquetFile(part).read(["pair_id", "output_sha256"]).to_pylist()
        values = [(2 * number + place + 1) / 10 for place in range(len(rows))]
        told = {"judge": "wavelet", "subject": "result", "judge_size": 256, "judged_at": datetime.now(UTC)}
        records = [
            {**row, **told, **dict.fromkeys(MEASURES, x)} for row, x in zip(rows, values, strict=True) if x < 0.35
        ]
        write_quality(records, quality_file(run, part.stem.removeprefix("part-")))
    write_quality([], baselines_file(run))
    return run


def exported(run: Path, where: str, folder: Path) -> list[str]:
    report = export_run(run, "imagefolder", folder, ExportOptions(where=where))
    assert report.images == len(list(folder.rglob("*.png")))
    return sorted(path.name[0] for path in folder.rglob("*.png"))


@pytest.mark.parametrize(
    ("where", "images"),
    [
        ("cfsd < 0.25", ["0", "1"]),
        ("cfsd < 0.25 and seed > 0", ["1"]),
        ("style_distance >= 0.2", ["1", "2"]),
        ("x_note == 'a'", ["0"]),
        ("total_loss < 0.2 or ssim > 0.25", ["0", "1", "2"]),
    ],
)
def test_only_images_that_fulfil_it(run: Path, tmp_path: Path, where: str, images: list[str]) -> None:
    assert exported(run, where, tmp_path / "out") == images


def test_how_many_are_left_out_is_said(run: Path, tmp_path: Path) -> None:
    report = export_run(run, "imagefolder", tmp_path / "out", ExportOptions(where="cfsd < 0.25"))
    assert report.notes == ("2 of 4 images do not fulfil --where 'cfsd < 0.25' and are left out.",)
    assert "fulfil: cfsd \\< 0.25." in (tmp_path / "out" / "README.md").read_text(encoding="utf-8")


def test_another_condition_brings_the_export_up_to_date(run: Path, tmp_path: Path) -> None:
    exported(run, "cfsd < 0.25", tmp_path / "out")
    assert exported(run, "cfsd < 0.15", tmp_path / "out") == ["0"]
    assert json.loads((tmp_path / "out" / "export.json").read_text(encoding="utf-8"))["complete"] is True


def test_without_any_judged_picture_the_command_for_it_is_named(make_run: MakeRun, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nst judge"):
        export_run(make_run({}, {}), "imagefolder", tmp_path / "out", ExportOptions(where="cfsd < 1"))
    assert not (tmp_path / "out").exists()


def test_an_unknown_column_is_refused(run: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no column 'csfd'"):
        export_run(run, "imagefolder", tmp_path / "out", ExportOptions(where="csfd < 1"))
