"""What the tests of the flow do with a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from flows.pipeline import pipeline
from nst_core.config.run_config import RunConfig
from nst_core.run_folder.summary import RunReport


def run(config: RunConfig, **options: Any) -> RunReport:
    return pipeline(config.name, config, **options)


def rows_of(config: RunConfig) -> pd.DataFrame:
    return pd.read_parquet(config.run_folder / "results").set_index("pair_id").sort_index()


def snapshot(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Bytes and mtime of every file, but for the locks."""
    files = [path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".lock")]
    return {str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


def images_of(config: RunConfig) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in (config.run_folder / "images").rglob("*") if p.is_file()}
