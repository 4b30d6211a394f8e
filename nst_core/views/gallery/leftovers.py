"""Remove what a gallery no longer needs, and nothing else: other people's files may lie beside ours."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path, PurePosixPath

from nst_core.storage.atomic import remove_temporaries
from nst_core.storage.paths import is_local
from nst_core.views.gallery.build_record import MADE_FILE, BuiltPages, read_build_record
from nst_core.views.gallery.originals import COPIES
from nst_core.views.runs import SHEET_FILE
from nst_core.views.thumbnails import THUMBS


class Leftovers:
    """What the artists of a gallery had before and may need no more.

    Copies are removed at the very end, as another artist may need them now: a pair's painting can have been given to
    another name.
    """

    def __init__(self, gallery: Path) -> None:
        self._gallery = gallery
        self._copies: set[PurePosixPath] = set()

    def replaced(self, slug: str, before: BuiltPages, now: BuiltPages | None) -> None:
        """Remove the pages that an artist had before and has no more; all of them, where `now` is None."""
        kept = set(now.pages) if now else set[str]()
        _remove(self._gallery / slug / page for page in before.pages if page not in kept and _stays_inside(page))
        copies = set(before.originals) - set(now.originals if now else ())
        self._copies |= {PurePosixPath(*copy) for copy in copies if all(map(_stays_inside, copy))}

    def remove(self, slugs: Collection[str]) -> None:
        """Remove what belongs to none of these artists any more, and what killed builds left half-written."""
        for file in list(self._gallery.glob(f"*/{MADE_FILE}")):
            if file.parent.name not in slugs:
                self._remove_artist(file.parent)
        self._remove_copies(slugs)
        remove_temporaries(self._gallery / COPIES)
        for name in (THUMBS, *slugs):
            remove_temporaries(self._gallery / name, deep=False)

    def _remove_artist(self, folder: Path) -> None:
        before = read_build_record(folder)
        if before:
            self.replaced(folder.name, before, None)
        _remove([folder / SHEET_FILE, folder / MADE_FILE])
        remove_temporaries(folder, deep=False)
        if is_local(folder) and not any(folder.iterdir()):
            folder.rmdir()

    def _remove_copies(self, slugs: Iterable[str]) -> None:
        if self._copies:
            for now in (read_build_record(self._gallery / slug) for slug in slugs):
                self._copies -= {PurePosixPath(*copy) for copy in now.originals} if now else set()
        _remove(self._gallery / COPIES / str(copy) for copy in self._copies)


def _stays_inside(name: str) -> bool:
    """A gallery may come from somebody else: what its records say must not make us delete anything outside of it."""
    path = PurePosixPath(name)
    return bool(path.parts) and not path.is_absolute() and ".." not in path.parts and "\0" not in name


def _remove(files: Iterable[Path]) -> None:
    for file in files:
        file.unlink(missing_ok=True)
