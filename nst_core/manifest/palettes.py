"""The order of styles by palette, nearest or farthest first: what pairs contents with styles of (un)like colours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from nst_core.manifest.draws import uniform
from nst_core.sources.base import Item

PALETTE_STRATEGIES = ("nearest", "farthest")
"""The strategies of pairing that look at pictures."""


@dataclass(frozen=True)
class Palettes:
    """The palettes of images that can be read, (L,) int16 by id of the item."""

    contents: Mapping[str, NDArray[np.int16]]
    styles: Mapping[str, NDArray[np.int16]]


class PaletteOrder:
    """Styles in the order of their palettes' distances to a content's; equal ones by a draw of the content and seed.

    Distances are sums of whole numbers, exact in float64: the same on every machine, in any order of the styles. Styles
    that cannot be read come last; a content that cannot be read has all styles at one distance.
    """

    def __init__(
        self, items: Sequence[Item], palettes: Palettes, which: Literal["nearest", "farthest"], seed: int
    ) -> None:
        self._items, self._seed = items, seed
        self._contents = palettes.contents
        self._sign = 1 if which == "nearest" else -1
        known = [place for place, item in enumerate(items) if item.id in palettes.styles]
        self._known = np.array(known, np.int64)
        self._matrix = np.array([palettes.styles[items[place].id] for place in known], np.float64)
        self._squares = (self._matrix**2).sum(axis=-1)

    def first(self, content: str, count: int) -> list[Item]:
        """The first `count` styles for the content of this id, or all where there are fewer."""
        distances = self._distances(content)
        count = min(count, len(distances))
        threshold = np.partition(distances, count - 1)[count - 1]
        candidates = np.flatnonzero(distances <= threshold).tolist()
        candidates.sort(key=lambda place: (distances[place], self._draw(content, place)))
        return [self._items[place] for place in candidates[:count]]

    def _distances(self, content: str) -> NDArray[np.float64]:
        """To each style, less what all have in common; of styles that cannot be read, infinity."""
        distances = np.full(len(self._items), np.inf)
        own = self._contents.get(content)
        if len(self._known):
            to_known = 0.0 if own is None else self._squares - 2 * self._matrix @ own.astype(np.float64)
            distances[self._known] = self._sign * to_known
        return distances

    def _draw(self, content: str, place: int) -> float:
        return uniform(self._seed, content, "palette", self._items[place].id)
