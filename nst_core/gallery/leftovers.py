"""Remove what a gallery no longer needs, and nothing else: other people's files may lie beside ours."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from nst_core.atomic import remove_temporaries
from nst_core.gallery.made import MADE_FILE, Made, read_made
from nst_core.gallery.originals import copy_of
from nst_core.gallery.pages import SHEET_FILE
from nst_core.storage import is_local


def remove_former(gallery: Path, slug: str, before: Made, now: Made | None) -> None:
    """Remove the pages and copies that an artist had before and has no more; all of them, where `now` is None."""
    pages, originals = (set(now.pages), set(now.originals)) if now else (set[str](), set[tuple[str, str]]())
    _remove(gallery / slug / page for page in before.pages if page not in pages and _stays_inside(page))
    gone = (one for one in before.originals if one not in originals and all(map(_stays_inside, one)))
    _remove(copy_of(gallery, run_key, file_name) for run_key, file_name in gone)


def remove_others(gallery: Path, slugs: set[str]) -> None:
    """Remove the pages of artists who have no results any more, and what killed builds left half-written."""
    remove_temporaries(gallery)
    for file in list(gallery.glob(f"*/{MADE_FILE}")):
        folder = file.parent
        if folder.name not in slugs:
            before = read_made(folder)
            if before:
                remove_former(gallery, folder.name, before, None)
            _remove([folder / SHEET_FILE, file])
            if is_local(folder) and not any(folder.iterdir()):
                folder.rmdir()


def _stays_inside(name: str) -> bool:
    """A gallery may come from somebody else: what its records say must not make us delete anything outside of it."""
    path = PurePosixPath(name)
    return bool(path.parts) and not path.is_absolute() and ".." not in path.parts and "\0" not in name


def _remove(files: Iterable[Path]) -> None:
    for file in files:
        file.unlink(missing_ok=True)
