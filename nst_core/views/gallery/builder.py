"""The gallery of a run, or of several, built artist by artist; unchanged artists are passed over."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from nst_core.errors import UsageError
from nst_core.run_folder.descriptors import read_descriptors
from nst_core.run_folder.folder import RUN_YAML
from nst_core.sources.artist_names import UNKNOWN_ARTIST
from nst_core.storage.paths import NO_FILE
from nst_core.storage.progress import Progress
from nst_core.views.gallery.artist_pages import ArtistPages
from nst_core.views.gallery.build_record import (
    BuildRecord,
    read_build_record,
    source_files,
    sources_digest,
    states_digest,
    write_build_record,
)
from nst_core.views.gallery.cleanup import GalleryCleanup
from nst_core.views.gallery.likeness import SEARCH_FILE, LikenessBuild
from nst_core.views.gallery.originals import CopiedOriginals, LinkedOriginals, Originals
from nst_core.views.gallery.pages import MAP_FILE, ArtistSummary, MissingPictures, fact_texts, render_index, write_page
from nst_core.views.gallery.results import ArtistResults, read_artist
from nst_core.views.paths import enclosing_run, file_states
from nst_core.views.runs import SHEET_FILE, Artist, Run, artists_of, facts_by_artist, open_runs
from nst_core.views.thumbnails import THUMBS, ThumbnailFolder

PER_PAGE = 200
_NAMED_RUNS = 3


def build_gallery(
    run_folders: Sequence[Path],
    gallery: Path | None = None,
    *,
    copy: bool = True,
    progress: Progress | None = None,
    per_page: int = PER_PAGE,
) -> Path:
    """(Re)make a gallery from `results/` and `images/` of runs; return its `index.html`.

    Pages of artists whose results have not changed are passed over; of the others, pages and thumbnails that come out
    the same keep their files; what no result needs any more is removed. Pictures that are gone are shown as such.

    Args:
        run_folders: one run, whose `<run>/gallery` is made; any number of runs with a `gallery` of their own. There,
            artists of one name are one artist, and every result says which run it is of.
        gallery: a place outside of all run folders.
        copy: copy the results' files into that place, which can then be put anywhere by itself; else its pages lead to
            the run folders by relative paths.
        progress: called with (rows done, rows in all).
        per_page: results on a page.

    Raises:
        RunFolderError: there is no such run folder.
        UsageError: the place is or lies in a run folder, or run folders lie in it; or nothing is to be copied and one
            of the runs is at a store.
    """
    if gallery is None:
        (folder,) = run_folders
        return _Build(open_runs([folder]), folder / "gallery", Originals(), per_page, progress, together=False).run()
    runs = check_place(run_folders, gallery)
    originals = CopiedOriginals(gallery) if copy else LinkedOriginals(gallery, runs)
    return _Build(runs, gallery, originals, per_page, progress, together=True).run()


def check_place(run_folders: Sequence[Path], gallery: Path) -> tuple[Run, ...]:
    """The runs of a gallery at a place of its own. Raises as `build_gallery`."""
    runs = open_runs(run_folders)
    folder = enclosing_run(gallery, run_folders)
    if folder is not None:
        raise UsageError(f"-o {gallery} lies in the run folder {folder}: choose a place outside of it.")
    inner = sorted(file.parent.name for file in gallery.glob(f"*/{RUN_YAML}"))
    if inner:
        raise UsageError(
            f"-o {gallery} holds run folders ({inner[0]}), which an artist's folder could be called like: choose a "
            "folder of its own."
        )
    return runs


class _Build:
    """One build of one gallery."""

    def __init__(
        self,
        runs: Sequence[Run],
        gallery: Path,
        originals: Originals,
        per_page: int,
        progress: Progress | None,
        together: bool,
    ) -> None:
        self.runs, self.gallery, self.originals, self.per_page = runs, gallery, originals, per_page
        self.title = ", ".join(run.name for run in runs) if len(runs) <= _NAMED_RUNS else f"{len(runs)} runs"
        self.artists = artists_of(runs, together=together)
        self.facts = facts_by_artist([run.folder for run in runs])
        self.thumbnails = ThumbnailFolder(gallery / THUMBS)
        self.cleanup = GalleryCleanup(gallery)
        self.descriptors = read_descriptors([run.folder for run in runs])
        self._progress, self._done = progress, 0

    def run(self) -> Path:
        summaries, left_out = [], Counter[tuple[str, str]]()
        states = file_states(file for artist in self.artists for file in source_files(artist))
        for artist in self.artists:
            record = self._build_artist(artist, sources_digest(artist, states, self._settings(artist)))
            left_out.update(record.left_out)
            summaries.append(self._summary(artist, record))
        summaries.sort(key=_order)
        index, sheet = self.gallery / "index.html", (self.gallery / SHEET_FILE).is_file()
        if index.is_dir():  # the pages of an artist of that name, from before they had another folder
            self.cleanup.finish({artist.slug for artist in self.artists})
        has_map = self._write_likeness(summaries)
        write_page(index, render_index(self.title, summaries, MissingPictures.of(left_out), sheet, has_map))
        self.thumbnails.remove_unused()
        self.cleanup.finish({artist.slug for artist in self.artists})
        return index

    def _write_likeness(self, artists: Sequence[ArtistSummary]) -> bool:
        """Write what looks alike, if pictures are described; returns whether there is a map of the artists."""
        if self.descriptors:
            return LikenessBuild(self.gallery, self.title, self.per_page, self.descriptors).write(artists)
        for name in (SEARCH_FILE, MAP_FILE):
            (self.gallery / name).unlink(missing_ok=True)
        return False

    def _settings(self, artist: Artist) -> list[object]:
        """All that decides an artist's pages beside its results."""
        facts = self.facts.get(artist.name or "")
        settings = [self.title, self.per_page, self.originals.kind, self._has_sheet(artist), fact_texts(facts, ())]
        return [*settings, "searchable"] if self.descriptors else settings

    def _build_artist(self, artist: Artist, version: str) -> BuildRecord:
        """Write an artist's pages, unless those of the last build are current."""
        folder = self.gallery / artist.slug
        before = read_build_record(folder)
        if before and before.made_from == version and self._is_current(before, folder):
            self._advance(artist.rows)
            return before
        results = read_artist(artist)
        pages = ArtistPages(
            folder,
            self.title,
            version,
            self.per_page,
            self.thumbnails,
            self.originals,
            self._advance,
            searchable=bool(self.descriptors),
        )
        record = pages.write(results, self._summary(artist, results))
        write_build_record(folder, record)
        if before:
            self.cleanup.remove_old_pages(artist.slug, before, record)
        return record

    def _is_current(self, record: BuildRecord, folder: Path) -> bool:
        """Whether all files of the pages are there, and the results are as they were."""
        runs = {run.key: run for run in self.runs}
        originals = [(runs[key], name) for key, name in record.originals]
        found = file_states(run.folder / name for run, name in originals)
        states = [found[run.folder / name] for run, name in originals]
        return (
            not record.incomplete
            and states_digest(states) == record.originals_state
            and self.originals.are_reachable(
                (run, name, state) for (run, name), state in zip(originals, states, strict=True)
            )
            and self.thumbnails.keep(record.thumbnails)
            and NO_FILE not in file_states(folder / page for page in record.pages).values()
        )

    def _summary(self, artist: Artist, source: ArtistResults | BuildRecord) -> ArtistSummary:
        return ArtistSummary(
            slug=artist.slug,
            name=artist.name or UNKNOWN_ARTIST,
            facts=fact_texts(self.facts.get(artist.name or ""), source.genres),
            pictures=source.pictures,
            left_out=MissingPictures.of(source.left_out),
            covers=source.covers if isinstance(source, BuildRecord) else (),
            sheet=self._has_sheet(artist),
            of_several_runs=len(artist.partitions) > 1,
        )

    def _has_sheet(self, artist: Artist) -> bool:
        return (self.gallery / artist.slug / SHEET_FILE).is_file()

    def _advance(self, rows: int) -> None:
        self._done += rows
        if self._progress is not None and rows:
            self._progress(self._done, sum(artist.rows for artist in self.artists))


def _order(artist: ArtistSummary) -> tuple[bool, bool, str, str]:
    return not artist.pictures, artist.name == UNKNOWN_ARTIST, artist.name.casefold(), artist.slug
