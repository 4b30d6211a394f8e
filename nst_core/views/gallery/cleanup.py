"""The removal of what a gallery no longer needs, and nothing else: other people's files may lie beside ours."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path

from nst_core.storage.atomic import remove_temporaries
from nst_core.storage.listed_states import ListedStates
from nst_core.storage.paths import is_local
from nst_core.views.gallery.build_record import RECORD_FILE, BuildRecord, BuildRecords, read_build_record
from nst_core.views.gallery.originals import COPIES
from nst_core.views.paths import path_inside
from nst_core.views.runs import SHEET_FILE
from nst_core.views.thumbnails import THUMBS


class GalleryCleanup:
    """Removes pages and copies that artists of a gallery had before and have no more.

    Copies are removed at the very end, as another artist may need them now: a pair's painting can have been given to
    another name.
    """

    def __init__(self, gallery: Path, states: ListedStates, records: BuildRecords, alone: bool) -> None:
        """`alone`: whether the folder is the gallery's only, so that nobody else writes beside its front page."""
        self._gallery, self._states, self._records, self._alone = gallery, states, records, alone
        self._copies: set[Path] = set()

    def remove_old_pages(self, slug: str, before: BuildRecord, now: BuildRecord | None = None) -> None:
        """Remove the pages that an artist had before and has no more; all of them, where there is no record now."""
        pages = set(before.pages) - set(now.pages if now else ())
        _remove(path_inside(self._gallery / slug, page) for page in pages)
        self._copies |= self._copies_of(before) - (self._copies_of(now) if now else set())

    def finish(self, slugs: Collection[str]) -> None:
        """Remove what belongs to none of these artists any more, and half-written files of killed builds."""
        for file in self._states.glob(self._gallery, f"*/{RECORD_FILE}"):
            if file.parent.name not in slugs:
                self._remove_artist(file.parent)
        if self._copies:
            for record in map(self._records.read, slugs):
                self._copies -= self._copies_of(record) if record else set()
        _remove(self._copies)
        remove_temporaries(self._gallery / COPIES)
        for name in ("" if self._alone else THUMBS, THUMBS, *slugs):
            remove_temporaries(self._gallery / name, deep=False)

    def _remove_artist(self, folder: Path) -> None:
        before = read_build_record(folder)
        if before:
            self.remove_old_pages(folder.name, before)
        _remove([folder / SHEET_FILE, folder / RECORD_FILE])
        remove_temporaries(folder, deep=False)
        if is_local(folder) and not any(folder.iterdir()):
            folder.rmdir()

    def _copies_of(self, record: BuildRecord) -> set[Path]:
        copies = (path_inside(self._gallery / COPIES, key) and path_inside(self._gallery / COPIES / key, name)
                  for key, name in record.originals)  # fmt: skip
        return {copy for copy in copies if copy is not None}


def _remove(files: Iterable[Path | None]) -> None:
    for file in files:
        if file is not None:
            file.unlink(missing_ok=True)
