"""The invented painters and their works. A work depends on the painter's name, its number and its size alone."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from painters import dots, drips, shards, swirls, vapour, waves
from painters.canvas import Image8


@dataclass(frozen=True)
class Painter:
    """An invented artist. `paint(rng, size)` gives a work (H, W, 3) uint8 sRGB whose longer side has `size` px."""

    name: str
    genre: str
    paint: Callable[[np.random.Generator, int], Image8]


PAINTERS: tuple[Painter, ...] = (
    Painter("Ada Impasto", "Impasto swirls", swirls.paint),
    Painter("Dotty Lumen", "Pointillist shores", dots.paint),
    Painter("Otto Splitter", "Stained-glass cubism", shards.paint),
    Painter("Nami Gouge", "Woodblock waves", waves.paint),
    Painter("Rufus Drizzle", "Drip painting", drips.paint),
    Painter("Vesper Haze", "Pastel vapour", vapour.paint),
)

WORKS_PER_PAINTER = 3
"""Works of each painter in the `sample` source; `paint` makes any number of them."""

_SEED_PREFIX = "d"  # of a few prefixes, the one for which the first three works of each painter differ most


def paint(painter: Painter, number: int, size: int = 512) -> Image8:
    """Paint work `number` (from 1) of a painter, (H, W, 3) uint8 sRGB with the longer side `size` px, reproducibly.

    Raises ValueError if `number` or `size` is below 1.
    """
    if number < 1 or size < 1:
        raise ValueError(f"a work has a number and a size of at least 1, not {number} and {size}")
    digest = hashlib.sha256(f"{_SEED_PREFIX}{painter.name}/{number}".encode()).digest()
    return painter.paint(np.random.Generator(np.random.PCG64(int.from_bytes(digest[:16], "big"))), size)
