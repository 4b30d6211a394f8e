"""Make the gallery of a run: artist by artist, page by page, rewriting only what has changed."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from nst_core.atomic import remove_temporaries
from nst_core.errors import RunFolderError
from nst_core.gallery.cards import card, pictures
from nst_core.gallery.covers import Covers
from nst_core.gallery.pages import (
    ArtistSummary,
    Card,
    LeftOut,
    PageLinks,
    Picture,
    page_name,
    render_artist,
    render_index,
    write_page,
)
from nst_core.gallery.results import ArtistResults, Pair, artist_slugs, count_rows, read_artist
from nst_core.gallery.thumbnails import Thumbnail, ThumbnailFolder
from nst_core.storage import is_local

PAIRS_PER_PAGE = 200
UNKNOWN_ARTIST = "Unknown artist"
_PAGE = re.compile(r"index(-\d+)?\.html")


def build_gallery(run_folder: Path, *, progress: Callable[[int, int], None] | None = None) -> Path:
    """(Re)make `<run>/gallery` from `results/` and `images/`; return `gallery/index.html`.

    `progress` is called with (rows done, rows in all). Pages and thumbnails that have not changed keep their files;
    those that no result needs any more are removed. Pictures that are gone are shown as placeholders.
    Raises `RunFolderError` if there is no such run folder.
    """
    if not run_folder.is_dir():
        raise RunFolderError(f"There is no run folder {run_folder}.")
    return _Build(run_folder, progress).run()


class _Build:
    """One build of one run's gallery: what its pages share while they are made."""

    def __init__(self, run_folder: Path, progress: Callable[[int, int], None] | None) -> None:
        self.run_folder = run_folder
        self.gallery = run_folder / "gallery"
        self.title = _run_name(run_folder)
        self.slugs = artist_slugs(run_folder)
        self.thumbnails = ThumbnailFolder(self.gallery / "thumbs")
        self._progress, self._done = progress, 0
        self._total = sum(count_rows(run_folder, slug) for slug in self.slugs)
        self._pages: set[Path] = set()

    def run(self) -> Path:
        artists, left_out = [], Counter[tuple[str, str]]()
        for slug in self.slugs:
            artist = read_artist(self.run_folder, slug)
            artists.append(self._artist(artist))
            left_out.update(artist.left_out)
        artists.sort(key=_order)
        index = self.gallery / "index.html"
        write_page(index, render_index(self.title, artists, LeftOut.of(left_out)))
        self._remove_stale()
        return index

    def _artist(self, artist: ArtistResults) -> ArtistSummary:
        """Make the pages of one artist; return the card for the index."""
        self._advance(artist.left_out.total())
        summary, covers = _summary(artist), Covers()
        count = max(1, -(-summary.pictures // PAIRS_PER_PAGE))
        for number in range(1, count + 1):
            pairs = artist.pairs((number - 1) * PAIRS_PER_PAGE, PAIRS_PER_PAGE)
            cards = self._cards(pairs)
            covers.offer(pairs, cards)
            path = self.gallery / artist.slug / page_name(number)
            write_page(path, render_artist(self.title, summary, cards, PageLinks(number, count)))
            self._pages.add(path)
        return _summary(artist, covers.chosen())

    def _cards(self, pairs: list[Pair]) -> list[Card]:
        needed = [pictures(pair, self.run_folder) for pair in pairs]
        made = self.thumbnails.make(picture for several in needed for picture in several)
        thumbnails: dict[Path, Thumbnail | None] = {}
        cards = []
        for pair, several in zip(pairs, needed, strict=True):
            while not thumbnails.keys() >= set(several):  # they come in the order in which they were asked for
                thumbnails.update([next(made)])
            cards.append(card(pair, self.run_folder, thumbnails))
            self._advance(1)
        return cards

    def _advance(self, rows: int) -> None:
        self._done += rows
        if self._progress is not None and rows:
            self._progress(self._done, self._total)

    def _remove_stale(self) -> None:
        self.thumbnails.remove_unused()
        remove_temporaries(self.gallery)
        for page in self.gallery.glob("*/index*.html"):
            if page not in self._pages and _PAGE.fullmatch(page.name):
                page.unlink()
                if is_local(page) and not any(page.parent.iterdir()):
                    page.parent.rmdir()


def _summary(artist: ArtistResults, covers: tuple[Picture, ...] = ()) -> ArtistSummary:
    return ArtistSummary(
        slug=artist.slug,
        name=artist.name or UNKNOWN_ARTIST,
        genres=artist.genres,
        pictures=artist.table.num_rows,
        left_out=LeftOut.of(artist.left_out),
        covers=covers,
    )


def _order(artist: ArtistSummary) -> tuple[bool, bool, str, str]:
    return not artist.pictures, artist.name == UNKNOWN_ARTIST, artist.name.casefold(), artist.slug


def _run_name(run_folder: Path) -> str:
    """The name in `run.yaml`, where there is one; else the folder's."""
    try:
        told: Any = yaml.safe_load((run_folder / "run.yaml").read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):  # a gallery needs no run.yaml, least of all a sound one
        told = None
    for section in (told, told.get("config") if isinstance(told, dict) else None):
        if isinstance(section, dict) and section.get("name"):
            return str(section["name"])
    return (run_folder.resolve() if is_local(run_folder) else run_folder).name
