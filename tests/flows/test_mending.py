"""What `nst verify` says would mend a run folder does mend it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from trial import images_of, rows_of, run

from nst_core.config.run_config import RunConfig
from nst_core.run_folder.verify.findings import counts
from nst_core.run_folder.verify.verification import verify

pytestmark = pytest.mark.usefixtures("api")

Make = Callable[..., RunConfig]


def found(folder: Path) -> set[str]:
    return set(counts(verify(folder).findings))


def test_a_run_mends_what_is_lost_and_what_was_deleted_because_it_was_wrong(config: Make) -> None:
    run(config())
    folder, before, rows = config().run_folder, images_of(config()), rows_of(config())
    parts = sorted((folder / "results").rglob("*.parquet"))
    read = rows[~rows.chunk_id.isin([path.stem.removeprefix("part-") for path in (parts[0], parts[-1])])]
    lost, changed, *_ = (folder / name for name in read.file_name)
    lost.unlink()
    os.truncate(changed, 50)
    parts[0].unlink()
    os.truncate(parts[-1], 300)
    (folder / "images" / "extra.png").write_bytes(b"")
    (folder / "images" / ".0123456789abcdef.tmp~").write_bytes(b"")
    assert found(folder) == {
        "missing_row", "damaged_part", "missing_image", "changed_image", "unplanned_image", "temporary_file"
    }  # fmt: skip
    changed.unlink()
    parts[-1].unlink()
    (folder / "images" / "extra.png").unlink()
    run(config())
    assert found(folder) == set()
    assert images_of(config()) == before


@pytest.mark.parametrize("name", ["summary.json", "quarantine.csv"])
def test_a_run_writes_its_reports_again(config: Make, name: str) -> None:
    run(config())
    folder = config().run_folder
    (folder / name).write_text("{}")
    assert found(folder) == {"wrong_summary" if name == "summary.json" else "wrong_quarantine"}
    (folder / "summary.json").unlink()
    run(config())
    assert found(folder) == set()
