"""The pages of run folders: contact sheets, then the gallery, whose pages link to them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from nst_core.storage.progress import Progress
from nst_core.views.gallery.builder import GalleryBuild, GalleryReport, check_place
from nst_core.views.gallery.lock import hold_gallery
from nst_core.views.gallery_state import GalleryState
from nst_core.views.sheets.writer import SheetBuild


def build_pages(
    runs: Sequence[Path],
    gallery: Path | None = None,
    copy: bool = True,
    progress: Progress | None = None,
    *,
    so_far: bool = False,
    wait: float = 0.0,
    stopped: Callable[[], bool] = lambda: False,
) -> GalleryReport:
    """(Re)make a gallery with its contact sheets, under its lock. Arguments and errors as of `build_gallery`.

    Args:
        progress: called with (sheets looked at, sheets in all), then with (rows done, rows in all).
        so_far: the index says that a run is adding to it.
        wait, stopped: as for `hold_gallery`.

    Raises:
        FolderInUse: another process builds the gallery.
    """
    if gallery is not None:
        check_place(runs, gallery)  # nothing is written where a gallery must not be
    with hold_gallery(runs[0], gallery, wait, stopped):
        state = GalleryState(runs, gallery)
        SheetBuild(state, progress).write()
        return GalleryBuild(state, copy=copy, so_far=so_far, progress=progress).run()
