"""The pages of run folders: contact sheets, then the gallery, whose pages link to them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from nst_core.storage.progress import Progress
from nst_core.views.gallery.builder import build_gallery, check_place
from nst_core.views.sheets.writer import write_contact_sheets


def build_pages(
    runs: Sequence[Path], gallery: Path | None = None, copy: bool = True, progress: Progress | None = None
) -> Path:
    """(Re)make a gallery with its contact sheets; return its index. Arguments and errors as of `build_gallery`.

    Args:
        progress: called with (sheets looked at, sheets in all), then with (rows done, rows in all).
    """
    if gallery is not None:
        check_place(runs, gallery)  # nothing is written where a gallery must not be
    write_contact_sheets(runs, gallery, progress=progress)
    return build_gallery(runs, gallery, copy=copy, progress=progress)
