"""Where a gallery of its own may lie: in nothing that belongs to a run, and not where runs lie among its folders."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from nst_core.errors import UsageError
from nst_core.run_folder.folder import RUN_FILE, RunFolder
from nst_core.storage.paths import is_local


def check_place(gallery: Path, run_folders: Iterable[Path]) -> None:
    """Raises UsageError if the place is or lies in a run folder, these or any other, or if run folders lie in it."""
    for folder in run_folders:
        if _inside(gallery, folder):
            raise _lies_in(gallery, folder)
    place = gallery.resolve() if is_local(gallery) else gallery
    for folder in (place, *place.parents):
        if RunFolder(folder).holds_run():
            raise _lies_in(gallery, folder)
    runs = sorted(file.parent.name for file in gallery.glob(f"*/{RUN_FILE}"))
    if runs:
        raise UsageError(
            f"-o {gallery} holds run folders ({runs[0]}), which an artist's folder could be called like: choose a "
            "folder of its own."
        )


def _lies_in(gallery: Path, folder: Path) -> UsageError:
    return UsageError(f"-o {gallery} lies in the run folder {folder}: choose a place outside of it.")


def _inside(place: Path, folder: Path) -> bool:
    if is_local(place) and is_local(folder):
        return place.resolve().is_relative_to(folder.resolve())
    return f"{place}/".startswith(f"{folder}/")
