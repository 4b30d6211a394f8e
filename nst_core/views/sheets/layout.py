"""The layout of a contact sheet: its texts and the files of its pictures, before any of them is opened."""

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
from nst_core.views.sheets.lettering import legible_text
from nst_core.views.web import quantity

_MOST_PAINTINGS = 16  # that are opened; a sheet has room for fewer


@dataclass(frozen=True)
class SheetEntry:
    """The file of a picture, its title, and a quieter note below that."""

    path: Path
    title: str
    note: str = ""


@dataclass(frozen=True)
class SheetLayout:
    """A sheet that shows `results` of `total` finished pairs, its texts legible; `more` paintings are only counted."""

    heading: str
    facts: str
    total: int
    origin: str
    paintings: tuple[SheetEntry, ...]
    more: int
    results: tuple[SheetEntry, ...]

    @property
    def paths(self) -> list[Path]:
        """The files of all its pictures."""
        return [entry.path for entry in (*self.paintings, *self.results)]

    def count(self, shown: int) -> str:
        """The number of finished pairs, and of the shown ones where those are fewer: `60 of 1,234 pictures`."""
        total = quantity(self.total, "picture")
        return f"{shown:,} of {total}" if shown < self.total else total


def artist_layout(choice: ArtistChoice, facts: Mapping[str, ArtistFacts], origin: str) -> SheetLayout:
    """The sheet of one artist."""
    styles = Counter(style.name for pair in choice.shown for style in pair.styles)
    found = ((located_or_none(name), display_name(name)) for name, _ in styles.most_common())
    return _layout(
        _artist_label(choice.name),
        facts.get(choice.name or "", ArtistFacts()).line,
        choice.total,
        origin,
        [SheetEntry(path, "", name) for path, name in found if path is not None],
        [SheetEntry(pair.result, pair.content_name, pair.style_name) for pair in choice.shown],
    )


def run_layout(artists: Sequence[ArtistChoice], pairs: Sequence[FinishedPair], origin: str) -> SheetLayout:
    """The sheet of all artists together: a painting of each, and results with the artist's name below."""
    paintings: dict[str, SheetEntry] = {}
    for pair in pairs:
        path = located_or_none(pair.styles[0].name) if pair.styles else None
        if path is not None:
            paintings.setdefault(artist_key(pair.artist or ""), SheetEntry(path, "", _artist_label(pair.artist)))
    return _layout(
        origin,
        quantity(len(artists), "artist"),
        sum(artist.total for artist in artists),
        "",
        list(paintings.values()),
        [SheetEntry(pair.result, pair.content_name, _artist_label(pair.artist)) for pair in pairs],
    )


def _artist_label(artist: str | None) -> str:
    """The name as it can be drawn; the slug of a name that no font of this machine can write."""
    return legible_text(artist or UNKNOWN_ARTIST) or slugify(artist)


def _layout(
    heading: str, facts: str, total: int, origin: str, paintings: Sequence[SheetEntry], results: Iterable[SheetEntry]
) -> SheetLayout:
    more = max(0, len(paintings) - _MOST_PAINTINGS)
    return SheetLayout(heading, facts, total, origin, tuple(paintings[:_MOST_PAINTINGS]), more, tuple(results))
