"""The library behind `nst`: sources, manifest, plan, engine, run folder, gallery. Never imports flows or Prefect."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nst_core.run_folder.open_run import OpenRun

__version__ = "0.1.0"


def open_run(run: str | Path) -> OpenRun:
    """A run folder opened for reading, as in a notebook: rows as Arrow or pandas, pictures by row.

    Args:
        run: a path, or a URL such as `s3://…`.

    Raises:
        UsageError: it is no run folder.
    """
    from nst_core.run_folder.open_run import OpenRun
    from nst_core.storage.written_paths import written_path

    return OpenRun(written_path(run))
