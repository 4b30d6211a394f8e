"""The pages of run folders: contact sheets, then the gallery, whose pages link to them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from nst_core.storage.progress import Progress
from nst_core.views.gallery import build_combined_gallery, build_gallery, check_combined
from nst_core.views.sheets.writer import write_combined_contact_sheets, write_contact_sheets


def show_run(run_folder: Path, progress: Progress | None = None) -> Path:
    """(Re)make the gallery of a run with its contact sheets; return its index. Raises as both do.

    Args:
        progress: called with (sheets looked at, sheets in all), then with (rows done, rows in all).
    """
    write_contact_sheets(run_folder, progress=progress)
    return build_gallery(run_folder, progress=progress)


def show_runs(runs: Sequence[Path], gallery: Path, copy: bool, progress: Progress | None = None) -> Path:
    """(Re)make one gallery of several runs, at a place of its own; return its index.

    Args:
        copy: copy the results' files to it.
        progress: as for `show_run`.
    """
    check_combined(runs, gallery)  # nothing is written where a gallery must not be
    write_combined_contact_sheets(runs, gallery, progress=progress)
    return build_combined_gallery(runs, gallery, copy=copy, progress=progress)
