"""The pages: what a template is given, how it says numbers and addresses, and how a page reaches the disk."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import jinja2

from nst_core.atomic import write_if_changed
from nst_core.gallery import sparkline
from nst_core.gallery.thumbnails import Thumbnail
from nst_core.web import environment, page_bytes

REASONS_LISTED = 12


@dataclass(frozen=True)
class Picture:
    """A named picture; without a thumbnail it is shown as a quiet placeholder."""

    name: str
    thumbnail: Thumbnail | None


@dataclass(frozen=True)
class Card:
    """One pair on an artist's page. Facts are (name, value), ready to be read.

    `styles` and `style_name` are empty where the content stayed as it was.
    """

    anchor: str
    content: Picture
    styles: tuple[Picture, ...]
    style_name: str
    result: Picture
    file_name: str | None
    loss_path: str
    facts: tuple[tuple[str, str], ...]
    details: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class LeftOut:
    """The rows without a picture: how many per status, and the commonest reasons as (status, reason, how many)."""

    by_status: tuple[tuple[str, int], ...]
    reasons: tuple[tuple[str, str, int], ...]
    unlisted: int

    @classmethod
    def of(cls, counted: Counter[tuple[str, str]]) -> LeftOut:
        """Put the counts of (status, reason) in the order in which they are told."""
        statuses: Counter[str] = Counter()
        for (status, _), count in counted.items():
            statuses[status] += count
        ordered = sorted(counted.items(), key=lambda one: (-one[1], one[0]))
        listed = tuple((status, reason, count) for (status, reason), count in ordered[:REASONS_LISTED])
        return cls(tuple(sorted(statuses.items())), listed, statuses.total() - sum(count for _, _, count in listed))


@dataclass(frozen=True)
class ArtistSummary:
    """What the index says about one artist."""

    slug: str
    name: str
    genres: tuple[str, ...]
    pictures: int
    left_out: LeftOut
    covers: tuple[Picture, ...]


@dataclass(frozen=True)
class PageLinks:
    """Where a page stands among the pages of an artist."""

    number: int
    count: int

    @property
    def previous(self) -> str | None:
        return page_name(self.number - 1) if self.number > 1 else None

    @property
    def next(self) -> str | None:
        return page_name(self.number + 1) if self.number < self.count else None


def page_name(number: int) -> str:
    """`index.html`, `index-2.html`, …"""
    return "index.html" if number == 1 else f"index-{number}.html"


def render_index(title: str, artists: list[ArtistSummary], left_out: LeftOut) -> str:
    """The run's front page."""
    return _ENVIRONMENT.get_template("index.html.j2").render(title=title, artists=artists, left_out=left_out)


def render_artist(title: str, artist: ArtistSummary, cards: list[Card], links: PageLinks) -> str:
    """One page of one artist."""
    template = _ENVIRONMENT.get_template("artist.html.j2")
    return template.render(title=title, artist=artist, cards=cards, links=links)


def write_page(path: Path, html: str) -> None:
    """Write a page unless the very same page is there already."""
    write_if_changed(path, page_bytes(html))


def _environment() -> jinja2.Environment:
    made = environment("nst_core.gallery")
    made.globals.update(spark_width=sparkline.WIDTH, spark_height=sparkline.HEIGHT)
    return made


_ENVIRONMENT = _environment()
