"""The pages: the values of their templates, their texts, and their files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nst_core.run_folder.artists import ArtistFacts
from nst_core.storage.atomic import write_if_changed
from nst_core.views.gallery.artist_map import ArtistMap
from nst_core.views.gallery.cards import ResultCard
from nst_core.views.gallery.cover_pictures import CoverPicture
from nst_core.views.runs import SHEET_FILE
from nst_core.views.web import environment, number, page_bytes

MAP_FILE = "map.html"
"""The map of the artists, in the gallery's folder."""

REASONS_LISTED = 12
_FEW_ARTISTS = 8
_ONE_COVER_FROM = 50
"""The number of artists from which on the index shows one picture of each: it never loads more than some 200."""


@dataclass(frozen=True)
class MissingPictures:
    """The rows without a picture: how many per status, and the commonest reasons as (status, reason, how many)."""

    by_status: tuple[tuple[str, int], ...]
    reasons: tuple[tuple[str, str, int], ...]
    unlisted: int

    @classmethod
    def of(cls, counts: Counter[tuple[str, str]]) -> MissingPictures:
        """The counts of (status, reason), the commonest first."""
        statuses: Counter[str] = Counter()
        for (status, _), count in counts.items():
            statuses[status] += count
        ordered = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
        listed = tuple((status, reason, count) for (status, reason), count in ordered[:REASONS_LISTED])
        return cls(tuple(sorted(statuses.items())), listed, statuses.total() - sum(count for _, _, count in listed))


@dataclass(frozen=True)
class ArtistSummary:
    """An artist in the words of the pages.

    Attributes:
        facts: years, genre, nationality, as far as they are known.
        sheet: whether there is a contact sheet beside the artist's pages.
        of_several_runs: whether the results are.
    """

    slug: str
    name: str
    facts: tuple[str, ...]
    pictures: int
    left_out: MissingPictures
    covers: tuple[CoverPicture, ...]
    sheet: bool
    of_several_runs: bool

    @property
    def best(self) -> str:
        """The loss left of the best result; empty where no loss is known."""
        left = self.covers[0].loss_left if self.covers else None
        return f"{number(100 * left)}\u00a0%" if left is not None else ""


@dataclass(frozen=True)
class PageLinks:
    """The place of a page among the pages of an artist, and the version of its scripts: `items.js?<version>`.

    Attributes:
        searchable: whether there are scripts that name pictures that look alike.
    """

    number: int
    count: int
    version: str = ""
    searchable: bool = False

    @property
    def previous(self) -> str | None:
        return page_name(self.number - 1) if self.number > 1 else None

    @property
    def next(self) -> str | None:
        return page_name(self.number + 1) if self.number < self.count else None


def fact_texts(facts: ArtistFacts | None, genres: Sequence[str]) -> tuple[str, ...]:
    """An artist's years, genre and nationality, in this order; by default the genre is that of the results."""
    genre = (facts and facts.genre) or ", ".join(genres[:3])
    return tuple(fact for fact in (facts and facts.years, genre, facts and facts.nationality) if fact)


def page_name(number: int) -> str:
    """`index.html`, `index-2.html`, …"""
    return "index.html" if number == 1 else f"index-{number}.html"


def render_index(
    title: str,
    artists: list[ArtistSummary],
    left_out: MissingPictures,
    sheet: bool,
    has_map: bool = False,
    so_far: bool = False,
) -> str:
    """The gallery's front page. `so_far`: a run is adding to it."""
    return _ENVIRONMENT.get_template("index.html.j2").render(
        title=title,
        artists=artists,
        left_out=left_out,
        sheet=sheet,
        map_file=MAP_FILE if has_map else None,
        covers=1 if len(artists) >= _ONE_COVER_FROM else 4,
        searchable=len(artists) > _FEW_ARTISTS,
        so_far=so_far,
    )


def render_artist(title: str, artist: ArtistSummary, cards: list[ResultCard], links: PageLinks) -> str:
    """One page of one artist."""
    template = _ENVIRONMENT.get_template("artist.html.j2")
    return template.render(title=title, artist=artist, cards=cards, links=links)


def render_map(title: str, drawn: ArtistMap) -> str:
    """The map of the artists, with the list that says the same."""
    of_artist = {artist.point.picture.artist: (place, artist) for place, artist in enumerate(drawn.artists)}
    return _ENVIRONMENT.get_template("map.html.j2").render(title=title, map=drawn, of_artist=of_artist)


def write_page(path: Path, text: str) -> None:
    """Write a page or a script unless the very same is there already."""
    write_if_changed(path, page_bytes(text))


_ENVIRONMENT = environment("nst_core.views.gallery")
_ENVIRONMENT.globals.update(sheet_file=SHEET_FILE)
