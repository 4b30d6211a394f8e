"""The pages: what a template is given, how it says numbers and addresses, and how a page reaches the disk."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import quote

import jinja2
from markupsafe import Markup

from nst_core.atomic import write_if_changed
from nst_core.gallery import sparkline
from nst_core.gallery.thumbnails import Thumbnail

REASONS_LISTED = 12
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


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
    write_if_changed(path, html.encode("utf-8", "replace"))  # a lone surrogate in a name is no reason to have no page


def number(value: float | None) -> str:
    """A number with the three digits that matter: 0.0123, 12.3, 1,234, 1.23 × 10⁶; empty if there is none."""
    if value is None or not math.isfinite(value):
        return ""
    if value == 0 or 1e-3 <= abs(value) < 1e5:
        digits = max(0, 2 - math.floor(math.log10(abs(value)))) if value else 0
        text = f"{value:,.{digits}f}"
        return text.rstrip("0").rstrip(".") if digits else text
    mantissa, exponent = f"{value:.2e}".split("e")
    mantissa = mantissa.rstrip("0").rstrip(".")
    return f"{mantissa} × 10{str(int(exponent)).translate(_SUPERSCRIPT)}"


def counted(count: int, one: str, many: str | None = None) -> str:
    """`1 picture`, `1,234 pictures`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def address(path: str) -> str:
    """A relative path as a URL: every segment percent-encoded."""
    return "/".join(quote(part, safe="") for part in PurePosixPath(path).parts)


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("nst_core.gallery"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(address=address, counted=counted)
    source, _, _ = jinja2.PackageLoader("nst_core.gallery").get_source(environment, "gallery.css")
    environment.globals.update(css=Markup(source), spark_width=sparkline.WIDTH, spark_height=sparkline.HEIGHT)
    return environment


_ENVIRONMENT = _environment()
