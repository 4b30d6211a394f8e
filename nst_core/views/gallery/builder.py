"""The gallery of a run, or of several, built artist by artist; unchanged artists are passed over."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
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
    BuildRecords,
    source_files,
    sources_digest,
    states_digest,
)
from nst_core.views.gallery.cleanup import GalleryCleanup
from nst_core.views.gallery.likeness import SEARCH_FILE, LikenessBuild
from nst_core.views.gallery.originals import CopiedOriginals, LinkedOriginals, Originals
from nst_core.views.gallery.pages import MAP_FILE, ArtistSummary, MissingPictures, fact_texts, render_index, write_page
from nst_core.views.gallery.results import ArtistResults, read_artist
from nst_core.views.gallery_state import GalleryState
from nst_core.views.paths import enclosing_run
from nst_core.views.runs import Artist

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
        run_folders = [folder]
    else:
        check_place(run_folders, gallery)
    build = GalleryBuild(GalleryState(run_folders, gallery), copy=copy, per_page=per_page, progress=progress)
    return build.run().index


def check_place(run_folders: Sequence[Path], gallery: Path) -> None:
    """Check that a gallery may lie at a place of its own. Raises as `build_gallery`."""
    folder = enclosing_run(gallery, run_folders)
    if folder is not None:
        raise UsageError(f"-o {gallery} lies in the run folder {folder}: choose a place outside of it.")
    inner = sorted(file.parent.name for file in gallery.glob(f"*/{RUN_YAML}"))
    if inner:
        raise UsageError(
            f"-o {gallery} holds run folders ({inner[0]}), which an artist's folder could be called like: choose a "
            "folder of its own."
        )


@dataclass(frozen=True)
class GalleryReport:
    """What a build came to.

    Attributes:
        index: the front page.
        artists, pictures: how many the gallery has.
        rebuilt: artists whose pages were made anew.
        new: pictures that they have more than before.
    """

    index: Path
    artists: int
    pictures: int
    rebuilt: int
    new: int


class GalleryBuild:
    """One build of one gallery."""

    def __init__(
        self,
        state: GalleryState,
        *,
        copy: bool = True,
        so_far: bool = False,
        per_page: int = PER_PAGE,
        progress: Progress | None = None,
    ) -> None:
        """A build. `so_far`: the index says that there is more to come. The others and errors as of `build_gallery`."""
        self.state, self.gallery, self.artists = state, state.gallery, state.artists
        self.originals = _originals(state, copy)
        names = [run.name for run in state.runs]
        self.title = ", ".join(names) if len(names) <= _NAMED_RUNS else f"{len(names)} runs"
        self.records = BuildRecords(self.gallery, state.states, state.records)
        self.cleanup = GalleryCleanup(self.gallery, state.states, self.records, alone=not state.together)
        self.descriptors = read_descriptors([run.folder for run in state.runs])
        self._so_far, self._per_page, self._progress = so_far, per_page, progress
        self._done, self._rebuilt, self._new = 0, 0, 0

    def run(self) -> GalleryReport:
        """Build it."""
        summaries, left_out = [], Counter[tuple[str, str]]()
        states = self.state.states.states(file for artist in self.artists for file in source_files(artist))
        for artist in self.artists:
            record = self._build_artist(artist, sources_digest(artist, states, self._settings(artist)))
            left_out.update(record.left_out)
            summaries.append(self._summary(artist, record))
        summaries.sort(key=_order)
        index, slugs = self.gallery / "index.html", {artist.slug for artist in self.artists}
        if index.is_dir():  # the pages of an artist of that name, from before they had another folder
            self.cleanup.finish(slugs)
        has_map = self._write_likeness(summaries)
        missing, sheet = MissingPictures.of(left_out), self.state.has_sheet()
        write_page(index, render_index(self.title, summaries, missing, sheet, has_map, self._so_far))
        self.state.thumbnails.remove_unused()
        self.cleanup.finish(slugs)
        self.records.keep(slugs)
        self.state.records.write()
        pictures = sum(summary.pictures for summary in summaries)
        return GalleryReport(index, len(summaries), pictures, self._rebuilt, self._new)

    def _write_likeness(self, artists: Sequence[ArtistSummary]) -> bool:
        """Write what looks alike, if pictures are described; returns whether there is a map of the artists."""
        if self.descriptors:
            build = LikenessBuild(self.gallery, self.title, self._per_page, self.descriptors, self.state.states)
            described = {
                artist.slug: record.described for artist in artists if (record := self.records.read(artist.slug))
            }
            return build.write(artists, described)
        for file in (self.gallery / name for name in (SEARCH_FILE, MAP_FILE)):
            if self.state.states.is_there(file):
                file.unlink(missing_ok=True)
        return False

    def _settings(self, artist: Artist) -> list[object]:
        """All that decides an artist's pages beside its results."""
        facts, has_sheet = self.state.facts.get(artist.name or ""), self.state.has_sheet(artist)
        settings = [self.title, self._per_page, self.originals.kind, has_sheet, fact_texts(facts, ())]
        return [*settings, "searchable"] if self.descriptors else settings

    def _build_artist(self, artist: Artist, version: str) -> BuildRecord:
        """Write an artist's pages, unless those of the last build are current."""
        folder = self.gallery / artist.slug
        before = self.records.read(artist.slug)
        if before and before.made_from == version and self._is_current(before, folder):
            self._advance(artist.rows)
            return before
        results = read_artist(artist)
        pages = ArtistPages(
            folder,
            self.title,
            version,
            self._per_page,
            self.state.thumbnails,
            self.originals,
            self.state.states,
            self._advance,
            searchable=bool(self.descriptors),
        )
        record = pages.write(results, self._summary(artist, results))
        self.records.write(artist.slug, record)
        self._rebuilt += 1
        self._new += max(0, record.pictures - (before.pictures if before else 0))
        if before:
            self.cleanup.remove_old_pages(artist.slug, before, record)
        return record

    def _is_current(self, record: BuildRecord, folder: Path) -> bool:
        """Whether all files of the pages are there, and the results are as they were."""
        runs, states = {run.key: run for run in self.state.runs}, self.state.states
        originals = [(runs[key], name) for key, name in record.originals]
        found = states.states(run.folder / name for run, name in originals)
        now = [found[run.folder / name] for run, name in originals]
        return (
            not record.incomplete
            and states_digest(now) == record.originals_state
            and self.originals.are_reachable(
                (run, name, state) for (run, name), state in zip(originals, now, strict=True)
            )
            and self.state.thumbnails.keep(record.thumbnails)
            and NO_FILE not in states.states(folder / page for page in record.pages).values()
        )

    def _summary(self, artist: Artist, source: ArtistResults | BuildRecord) -> ArtistSummary:
        return ArtistSummary(
            slug=artist.slug,
            name=artist.name or UNKNOWN_ARTIST,
            facts=fact_texts(self.state.facts.get(artist.name or ""), source.genres),
            pictures=source.pictures,
            left_out=MissingPictures.of(source.left_out),
            covers=source.covers if isinstance(source, BuildRecord) else (),
            sheet=self.state.has_sheet(artist),
            of_several_runs=len(artist.partitions) > 1,
        )

    def _advance(self, rows: int) -> None:
        self._done += rows
        if self._progress is not None and rows:
            self._progress(self._done, sum(artist.rows for artist in self.artists))


def _originals(state: GalleryState, copy: bool) -> Originals:
    if not state.together:
        return Originals()
    return CopiedOriginals(state.gallery, state.states) if copy else LinkedOriginals(state.gallery, state.runs)


def _order(artist: ArtistSummary) -> tuple[bool, bool, str, str]:
    return not artist.pictures, artist.name == UNKNOWN_ARTIST, artist.name.casefold(), artist.slug
