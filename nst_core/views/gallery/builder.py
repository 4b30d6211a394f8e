"""Make the gallery of a run, or of several: artist by artist, page by page, passing over what has not changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from nst_core.run_folder.artists import ArtistFacts, artist_facts
from nst_core.sources.artist_names import UNKNOWN_ARTIST
from nst_core.storage.progress import Progress
from nst_core.views.gallery.artist_pages import ArtistPages
from nst_core.views.gallery.build_record import (
    BuiltPages,
    read_build_record,
    sources_digest,
    states_digest,
    write_build_record,
)
from nst_core.views.gallery.leftovers import Leftovers
from nst_core.views.gallery.originals import Copied, InTheRun, LeftWhereTheyAre, Originals, file_states, is_there
from nst_core.views.gallery.pages import ArtistSummary, LeftOutRows, render_index, told_facts, write_page
from nst_core.views.gallery.place import check_place
from nst_core.views.gallery.results import ArtistResults, read_artist
from nst_core.views.runs import SHEET_FILE, Artist, Run, artists_of, open_runs
from nst_core.views.thumbnails import THUMBS, ThumbnailFolder

PER_PAGE = 200
_NAMED_RUNS = 3


def build_gallery(
    run_folder: Path,
    *,
    progress: Progress | None = None,
    per_page: int = PER_PAGE,
) -> Path:
    """(Re)make `<run>/gallery` from `results/` and `images/`; return `gallery/index.html`.

    Pages of artists whose results have not changed are passed over; of the others, pages and thumbnails that come out
    the same keep their files; what no result needs any more is removed. Pictures that are gone are shown as such.

    Args:
        progress: is called with (rows done, rows in all).
        per_page: results on a page.

    Raises:
        RunFolderError: there is no such run folder.
    """
    runs = open_runs([run_folder])
    artists = artists_of(runs, together=False)
    return _Build(runs, artists, run_folder / "gallery", InTheRun(), per_page, progress).run()


def build_combined_gallery(
    run_folders: Sequence[Path],
    gallery: Path,
    *,
    copy: bool = True,
    progress: Progress | None = None,
    per_page: int = PER_PAGE,
) -> Path:
    """As `build_gallery`, one gallery of several runs at a place of its own; return its `index.html`.

    Artists of one name are one artist; every result says which run it is of.

    Args:
        copy: copy the results' files into the gallery, which can then be put anywhere by itself; else its pages lead
            to the run folders by relative paths.

    Raises:
        RunFolderError: there is no such run folder.
        UsageError: the place is or lies in a run folder, or run folders lie in it; or nothing is to be copied and one
            of the runs is at a store.
    """
    runs = check_combined(run_folders, gallery)
    originals = Copied(gallery) if copy else LeftWhereTheyAre(gallery, runs)
    return _Build(runs, artists_of(runs, together=True), gallery, originals, per_page, progress).run()


def check_combined(run_folders: Sequence[Path], gallery: Path) -> tuple[Run, ...]:
    """The runs of a gallery that is to be at `gallery`. Raises as `build_combined_gallery`."""
    runs = open_runs(run_folders)
    check_place(gallery, [run.folder for run in runs])
    return runs


class _Build:
    """One build of one gallery: what its pages share while they are made."""

    def __init__(
        self,
        runs: Sequence[Run],
        artists: Sequence[Artist],
        gallery: Path,
        originals: Originals,
        per_page: int,
        progress: Progress | None,
    ) -> None:
        self.runs, self.gallery, self.originals, self.per_page = runs, gallery, originals, per_page
        self.title = ", ".join(run.name for run in runs) if len(runs) <= _NAMED_RUNS else f"{len(runs)} runs"
        self.artists = artists
        self.facts = _facts(runs)
        self.thumbnails = ThumbnailFolder(gallery / THUMBS)
        self.leftovers = Leftovers(gallery)
        self._progress, self._done = progress, 0

    def run(self) -> Path:
        summaries, left_out = [], Counter[tuple[str, str]]()
        states = file_states(file for artist in self.artists for part in artist.partitions for file in part.files)
        for artist in self.artists:
            version = sources_digest(artist, states, self._told(artist))
            made = self._made(artist, version)
            left_out.update(made.left_out)
            summaries.append(self._summary(artist, made))
        summaries.sort(key=_order)
        index, sheet = self.gallery / "index.html", (self.gallery / SHEET_FILE).is_file()
        write_page(index, render_index(self.title, summaries, LeftOutRows.of(left_out), sheet))
        self.thumbnails.remove_unused()
        self.leftovers.remove({artist.slug for artist in self.artists})
        return index

    def _told(self, artist: Artist) -> list[object]:
        """What decides an artist's pages beside its results."""
        facts = self.facts.get(artist.name or "")
        return [self.title, self.per_page, self.originals.kind, self._has_sheet(artist), told_facts(facts, ())]

    def _made(self, artist: Artist, version: str) -> BuiltPages:
        """An artist's pages: those of the last build, if they would be made again just so, or else new ones."""
        folder = self.gallery / artist.slug
        before = read_build_record(folder)
        if before and before.made_from == version and self._whole(before, folder):
            self._advance(artist.rows)
            return before
        results = read_artist(artist)
        pages = ArtistPages(folder, self.title, version, self.per_page, self.thumbnails, self.originals, self._advance)
        made = pages.make(results, self._summary(artist, results))
        write_build_record(folder, made)
        if before:
            self.leftovers.replaced(artist.slug, before, made)
        return made

    def _whole(self, made: BuiltPages, folder: Path) -> bool:
        """Whether all that the pages need is there, and the results are what they were."""
        runs = {run.key: run for run in self.runs}
        originals = [(runs[key], name) for key, name in made.originals]
        found = file_states(run.folder / name for run, name in originals)
        states = [found[run.folder / name] for run, name in originals]
        return (
            not made.incomplete
            and states_digest(states) == made.originals_state
            and self.originals.are_reachable(
                (run, name, state) for (run, name), state in zip(originals, states, strict=True)
            )
            and self.thumbnails.keep(made.thumbnails)
            and all(map(is_there, file_states(folder / page for page in made.pages).values()))
        )

    def _summary(self, artist: Artist, told: ArtistResults | BuiltPages) -> ArtistSummary:
        return ArtistSummary(
            slug=artist.slug,
            name=artist.name or UNKNOWN_ARTIST,
            facts=told_facts(self.facts.get(artist.name or ""), told.genres),
            pictures=told.pictures,
            left_out=LeftOutRows.of(told.left_out),
            covers=told.covers if isinstance(told, BuiltPages) else (),
            sheet=self._has_sheet(artist),
            several=len(artist.partitions) > 1,
        )

    def _has_sheet(self, artist: Artist) -> bool:
        return (self.gallery / artist.slug / SHEET_FILE).is_file()

    def _advance(self, rows: int) -> None:
        self._done += rows
        if self._progress is not None and rows:
            self._progress(self._done, sum(artist.rows for artist in self.artists))


def _facts(runs: Sequence[Run]) -> dict[str, ArtistFacts]:
    """What the runs know of their artists; where several know something, the first one's counts."""
    return {name: facts for run in reversed(runs) for name, facts in artist_facts(run.folder).items()}


def _order(artist: ArtistSummary) -> tuple[bool, bool, str, str]:
    return not artist.pictures, artist.name == UNKNOWN_ARTIST, artist.name.casefold(), artist.slug
