"""The scripts that name, beside an artist's pages, pictures that look like those on them: `alike-1.js` and so on.

They are written after all pages, as a picture's neighbours are anybody's, and fetched when a picture is opened.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nst_core.views.gallery.described_pictures import DescribedPictures
from nst_core.views.web import inline_json

PICTURES_FILE = "pictures.json"
"""Of an artist: which pictures its pages show, by the bytes of their files."""

PAINTINGS = 0
"""The number, in place of a page's, of the script about an artist's paintings."""

Neighbours = tuple[Sequence[int], Sequence[int]]
"""Numbers of results, and of paintings, that look alike, the most alike first; -1 is none."""


def alike_scripts(pages: int) -> list[str]:
    """The names of the scripts of an artist with so many pages."""
    return [script_name(number) for number in range(PAINTINGS, pages + 1)]


def script_name(number: int) -> str:
    return f"alike-{number}.js"


def alike_script(number: int, neighbours: Mapping[str, Neighbours], pictures: DescribedPictures) -> str:
    """The script about the results of one page, by their ids, or about paintings, by their names."""
    writer = _Entries(pictures)
    of = {
        key: [writer.results(results), writer.paintings(paintings)] for key, (results, paintings) in neighbours.items()
    }
    told = {"part": number, "artists": writer.artists, "sizes": writer.sizes, "results": writer.result_entries,
            "paintings": writer.painting_entries, "of": of}  # fmt: skip
    return f"nstAlike({inline_json(told)});\n"


class _Entries:
    """Tables of what the neighbours of some pictures are shown by: each entered once."""

    def __init__(self, pictures: DescribedPictures) -> None:
        self._pictures = pictures
        self._places: dict[tuple[str, Any], int] = {}
        self.artists: list[tuple[str, str]] = []
        self.sizes: list[Any] = []
        self.result_entries: list[list[Any]] = []
        self.painting_entries: list[list[Any]] = []

    def results(self, numbers: Sequence[int]) -> list[int]:
        return [self._result(number) for number in numbers if number >= 0]

    def paintings(self, numbers: Sequence[int]) -> list[int]:
        return [self._painting(number) for number in numbers if number >= 0]

    def _result(self, number: int) -> int:
        def entry() -> list[Any]:
            shown = self._pictures.result(number)
            return [
                self._artist(shown.artist),
                shown.key,
                shown.name,
                shown.thumb,
                self._size(shown.sizes),
                shown.style,
            ]

        return self._entered("result", number, self.result_entries, entry)

    def _painting(self, number: int) -> int:
        def entry() -> list[Any]:
            shown = self._pictures.painting(number)
            return [self._artist(shown.artist), shown.key, shown.name, shown.thumb, self._size(shown.sizes)]

        return self._entered("painting", number, self.painting_entries, entry)

    def _artist(self, number: int) -> int:
        artist = self._pictures.artists[number]
        return self._entered("artist", number, self.artists, lambda: (artist.slug, artist.name))

    def _size(self, sizes: Any) -> int:
        return self._entered("size", repr(sizes), self.sizes, lambda: sizes)

    def _entered(self, kind: str, key: Any, table: list[Any], value: Any) -> int:
        if (kind, key) not in self._places:
            made = value()
            self._places[kind, key] = len(table)
            table.append(made)
        return self._places[kind, key]
