"""The card's table of what a judge measured."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from nst_core.export import ExportOptions, export_run
from nst_core.run_folder.quality import baselines_file, quality_file, write_quality
from nst_core.run_folder.results import chunk_of, result_files

MakeRun = Callable[..., Path]


def judge(run: Path) -> None:
    """Quality rows: the cfsd of the image number n is n / 10; of the last one it is not known, the ssim of none is."""
    for file in result_files(run):
        rows = pq.ParquetFile(file).read(["pair_id", "output_sha256", "seed"]).to_pylist()
        write_quality(
            [_row(row, row["seed"] / 10 if row["seed"] < 4 else None) for row in rows],
            quality_file(run, chunk_of(file)),
        )
    some = {"pair_id": "x", "output_sha256": "y"}
    write_quality([_row(some, 0.0, "content"), _row(some, 0.9, "style")], baselines_file(run))


def _row(row: dict[str, Any], cfsd: float | None, subject: str = "result") -> dict[str, Any]:
    told = {"pair_id": row["pair_id"], "output_sha256": row["output_sha256"], "judge": "vgg16", "subject": subject}
    return told | {"cfsd": cfsd, "style_distance": 0.25, "judged_at": datetime(2026, 1, 2, tzinfo=UTC)}


def test_a_judged_run_has_medians_over_the_exported_images_beside_the_baselines(
    make_run: MakeRun, tmp_path: Path
) -> None:
    run = make_run(*({} for _ in range(5)))
    export_run(run, "imagefolder", tmp_path / "before")
    assert "## Quality" not in (tmp_path / "before" / "README.md").read_text(encoding="utf-8")
    judge(run)
    export_run(run, "imagefolder", tmp_path / "all")
    card = (tmp_path / "all" / "README.md").read_text(encoding="utf-8")
    assert "| Content lost (CFSD) | 4 | 0.150 | 0.030 – 0.270 | 0.000 | 0.900 |\n" in card
    assert "| Style distance (Gram) | 5 | 0.250 | 0.250 – 0.250 | 0.250 | 0.250 |\n" in card
    assert "SSIM) |" not in card
    export_run(run, "webdataset", tmp_path / "some", ExportOptions(where="cfsd < 0.15"))
    card = (tmp_path / "some" / "README.md").read_text(encoding="utf-8")
    assert "| Content lost (CFSD) | 2 | 0.050 |" in card
