"""What stands on a contact sheet, before any picture is opened."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nst_core.run_folder.artists import ArtistFacts
from nst_core.run_folder.finished_pairs import FinishedPair, display_name
from nst_core.sources.artist_names import UNKNOWN_ARTIST, artist_key
from nst_core.storage.paths import located_or_none
from nst_core.storage.slugs import slugify
from nst_core.views.sheets.choice import ArtistChoice
from nst_core.views.sheets.lettering import legible
from nst_core.views.web import counted

_PAINTINGS = 16
"""Paintings that are opened; a sheet has room for fewer."""


@dataclass(frozen=True)
class Planned:
    """A picture's file, what it is called, and a quieter line below that."""

    picture: Path
    title: str
    below: str = ""


@dataclass(frozen=True)
class SheetPlan:
    """What a sheet shows of `total` finished pairs, texts ready to be drawn; `more` paintings are only counted."""

    heading: str
    facts: str
    total: int
    origin: str
    paintings: tuple[Planned, ...]
    more: int
    results: tuple[Planned, ...]

    @property
    def pictures(self) -> list[Path]:
        """The files of all that it shows."""
        return [planned.picture for planned in (*self.paintings, *self.results)]


def artist_plan(choice: ArtistChoice, facts: Mapping[str, ArtistFacts], origin: str) -> SheetPlan:
    """The sheet of one artist."""
    told = facts.get(choice.name or "", ArtistFacts())
    styles = Counter(path for pair in choice.shown for path in pair.style_paths)
    found = ((located_or_none(path), display_name(path)) for path, _ in styles.most_common())
    paintings = [Planned(picture, name) for picture, name in found if picture is not None]
    return _plan(
        _called(choice.name),
        told.line,
        choice.total,
        origin,
        paintings,
        [Planned(pair.result, pair.content_name, pair.style_name) for pair in choice.shown],
    )


def run_plan(artists: Sequence[ArtistChoice], shown: Sequence[FinishedPair], origin: str) -> SheetPlan:
    """The sheet of all artists together: a painting of each, and results with the artist's name below."""
    paintings: dict[str, Planned] = {}
    for pair in shown:
        picture = located_or_none(pair.style_paths[0]) if pair.style_paths else None
        if picture is not None:
            paintings.setdefault(artist_key(pair.artist or ""), Planned(picture, _called(pair.artist)))
    return _plan(
        origin,
        counted(len(artists), "artist"),
        sum(artist.total for artist in artists),
        "",
        list(paintings.values()),
        [Planned(pair.result, pair.content_name, _called(pair.artist)) for pair in shown],
    )


def _called(artist: str | None) -> str:
    """The name as it can be drawn; one that no font here can write is told by its slug, as the artist's folder is."""
    return legible(artist or UNKNOWN_ARTIST) or slugify(artist)


def _plan(
    heading: str, facts: str, total: int, origin: str, paintings: Sequence[Planned], results: Iterable[Planned]
) -> SheetPlan:
    shown, more = tuple(paintings[:_PAINTINGS]), max(0, len(paintings) - _PAINTINGS)
    return SheetPlan(heading, facts, total, origin, shown, more, tuple(results))
