"""The pictures of a gallery that have descriptors: results and paintings, as the artists' pages show them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nst_core.run_folder.descriptors import Descriptors


@dataclass(frozen=True)
class ShownArtist:
    """An artist with the contents of its `pictures.json`."""

    slug: str
    name: str
    pictures: Mapping[str, Any]


@dataclass(frozen=True)
class ShownPicture:
    """A picture as another page names it.

    Attributes:
        artist: number of the artist on whose pages it is.
        key: a result's id, or a painting's name, in addresses of these pages.
        thumb, sizes: the key of its thumbnail and the widths and heights of that, the smallest first.
        style: the names of a result's paintings.
    """

    artist: int
    key: str
    name: str
    thumb: str
    sizes: Sequence[Sequence[int]]
    style: str = ""


class DescribedPictures:
    """Results and paintings that have a descriptor and a thumbnail, by number.

    A painting is shown once, with the artist that has it as the first of a pair's; one that is only ever blended into
    another's pictures, with that one.

    Attributes:
        result_vectors, painting_vectors: (N, L) float32 of length 1.
        combination: (results,): the number of the set of paintings that a result was made in the style of.
        paintings_of: by combination, the numbers of those that are described.
        painting_artist: (paintings,): the number of the artist.
    """

    def __init__(self, artists: Sequence[ShownArtist], descriptors: Descriptors) -> None:
        self.artists = artists
        self._descriptors = descriptors
        self._paintings: list[tuple[int, int]] = []
        self._painting_numbers: dict[str, int] = {}
        self._results = list(self._find_results())
        for of_pair in (slice(0, 1), slice(None)):
            self._find_paintings(of_pair)
        places = [descriptors.places[artists[a].pictures["hashes"][place]] for a, place in self._results]
        self.result_vectors = descriptors.vectors[places]
        places = [descriptors.places[name] for name in self._painting_numbers]
        self.painting_vectors = descriptors.vectors[places]
        self.painting_artist = np.array([artist for artist, _ in self._paintings], np.int64)
        self.combination, self.paintings_of = self._combinations()

    def result(self, number: int) -> ShownPicture:
        artist, place = self._results[number]
        shown = self.artists[artist].pictures
        sizes = shown["tables"]["sizes"][shown["sizes"][place]]
        style = " + ".join(shown["tables"]["style"][style]["name"] for style in _styles(shown, place))
        return ShownPicture(artist, shown["ids"][place], shown["names"][place], shown["thumbs"][place], sizes, style)

    def painting(self, number: int) -> ShownPicture:
        artist, style = self._paintings[number]
        told = self.artists[artist].pictures["tables"]["style"][style]
        return ShownPicture(artist, told["name"], told["name"], told["thumb"]["key"], told["thumb"]["sizes"])

    def result_places(self) -> Iterator[tuple[int, int]]:
        """The artist's number, and the place among its results, of each result."""
        yield from self._results

    def shown_paintings(self, artist: int) -> Iterator[tuple[str, int]]:
        """The names by which an artist's pages call its described paintings, and the numbers of these."""
        shown = self.artists[artist].pictures
        for style, sha256 in zip(shown["tables"]["style"], shown["style_hashes"], strict=True):
            if sha256 in self._painting_numbers:
                yield style["name"], self._painting_numbers[sha256]

    def _find_results(self) -> Iterator[tuple[int, int]]:
        for number, artist in enumerate(self.artists):
            shown = zip(artist.pictures["hashes"], artist.pictures["thumbs"], strict=True)
            for place, (sha256, thumb) in enumerate(shown):
                if thumb and sha256 in self._descriptors.places:
                    yield number, place

    def _find_paintings(self, of_pair: slice) -> None:
        for number, artist in enumerate(self.artists):
            shown = artist.pictures
            for style in dict.fromkeys(s for place in range(len(shown["ids"])) for s in _styles(shown, place)[of_pair]):
                sha256 = shown["style_hashes"][style]
                if sha256 not in self._descriptors.places or not shown["tables"]["style"][style]["thumb"]:
                    continue
                if sha256 not in self._painting_numbers:
                    self._painting_numbers[sha256] = len(self._paintings)
                    self._paintings.append((number, style))

    def _combinations(self) -> tuple[NDArray[np.int64], list[list[int]]]:
        numbers: dict[tuple[str, ...], int] = {}
        combination = np.zeros(len(self._results), np.int64)
        for number, (artist, place) in enumerate(self._results):
            shown = self.artists[artist].pictures
            hashes = sorted({shown["style_hashes"][style] or "" for style in _styles(shown, place)})
            combination[number] = numbers.setdefault(tuple(hashes), len(numbers))
        return combination, [
            [self._painting_numbers[one] for one in hashes if one in self._painting_numbers] for hashes in numbers
        ]


def _styles(shown: Mapping[str, Any], place: int) -> list[int]:
    """The numbers of the paintings of a result."""
    style = shown["style"][place]
    return style if isinstance(style, list) else [style]
