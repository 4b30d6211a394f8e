"""What a build of a gallery and of its contact sheets starts from: runs, artists, files there, records of the last."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from nst_core.run_folder import quality
from nst_core.run_folder.folder import GALLERY
from nst_core.storage.listed_states import ListedStates
from nst_core.views.kept_records import KeptRecords
from nst_core.views.results_facts import ResultsFacts
from nst_core.views.runs import SHEET_FILE, Artist, artists_of, facts_by_artist, open_runs
from nst_core.views.thumbnails import THUMBS, ThumbnailFolder

_LISTED = ("results", quality.FOLDER, "images")


class GalleryState:
    """The state of a gallery and of its runs at the beginning of a build, read once for sheets and pages.

    Attributes:
        gallery: its folder.
        together: whether it lies at a place of its own, where artists of one name are one.
        states: of files in the gallery and the run folders.
        records: what the last build knew.
        artists: every artist of the runs.
    """

    def __init__(self, run_folders: Sequence[Path], gallery: Path | None) -> None:
        """The gallery of some runs at a place of its own, or of one run in its folder. Raises as `build_gallery`."""
        self.runs = open_runs(run_folders)
        self.together = gallery is not None
        self.gallery = gallery or run_folders[0] / GALLERY
        self.states = ListedStates([self.gallery, *(run.folder / name for run in self.runs for name in _LISTED)])
        self.records = KeptRecords(self.gallery)
        results = ResultsFacts(self.states, self.records)
        self.artists = artists_of(self.runs, together=self.together, results=results)
        self.facts = facts_by_artist([run.folder for run in self.runs])

    @cached_property
    def thumbnails(self) -> ThumbnailFolder:
        """The gallery's thumbnails."""
        folder = self.gallery / THUMBS
        names = [file.name for file in self.states.glob(self.gallery, f"{THUMBS}/*.webp")]
        return ThumbnailFolder(folder, names, self.states.state)

    def has_sheet(self, artist: Artist | None = None) -> bool:
        """Whether there is a contact sheet of an artist, or of the whole gallery."""
        folder = self.gallery / artist.slug if artist else self.gallery
        return self.states.is_there(folder / SHEET_FILE)
