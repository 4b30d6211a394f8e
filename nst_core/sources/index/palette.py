"""The palette of a picture: how its colours are distributed, in whole numbers, so that pictures can be compared by it.

A palette holds quantiles of the pixels' coordinates in Oklab (Ottosson 2020, an opponent space in which distances are
differences as people see them) along thirteen directions: the axes of a cube, the diagonals of its faces, its own. The
squared distance of two palettes is a multiple of the sliced Wasserstein distance of the colours (Bonneel et al. 2015).
"""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Palette = NDArray[np.int16]

SIDE = 48
"""The longer side, in pixels, at which colours are counted."""

QUANTILES = 8
"""Along each direction: the middles of so many equal parts of the pixels."""

UNIT = 1000
"""Of a palette's numbers: 1 is a thousandth of the way from black to white."""

_RGB_TO_CONES = np.array([
    [0.4122214708, 0.5363325363, 0.0514459929],
    [0.2119034982, 0.6806995451, 0.1073969566],
    [0.0883024619, 0.2817188376, 0.6299787005],
])  # fmt: skip
_CONES_TO_LAB = np.array([
    [0.2104542553, 0.7936177850, -0.0040720468],
    [1.9779984951, -2.4285922050, 0.4505937099],
    [0.0259040371, 0.7827717662, -0.8086757660],
])  # fmt: skip


def palette(pixels: NDArray[np.uint8]) -> Palette:
    """The palette of an upright picture, (H, W, 3) sRGB: `LENGTH` whole numbers in `UNIT`."""
    image = Image.fromarray(pixels)
    if max(image.size) > SIDE:
        scale = SIDE / max(image.size)
        width, height = (max(1, round(side * scale)) for side in image.size)
        image = image.resize((width, height), Image.Resampling.BOX)
    colours = oklab(np.asarray(image).reshape(-1, 3))
    along = np.sort(colours @ _DIRECTIONS.T, axis=0)
    places = ((np.arange(QUANTILES) + 0.5) / QUANTILES * len(along)).astype(int)
    palette: NDArray[np.int16] = np.rint(along[places].T.ravel() * UNIT).astype(np.int16)
    return palette


def oklab(colours: NDArray[np.uint8]) -> NDArray[np.float64]:
    """(N, 3) of 8-bit sRGB in Oklab: lightness from 0 to 1, green to red, blue to yellow."""
    cones: NDArray[np.float64] = _LINEAR[colours] @ _RGB_TO_CONES.T
    lab: NDArray[np.float64] = np.cbrt(cones) @ _CONES_TO_LAB.T
    return lab


def squared_distances(one: NDArray[np.int16], others: NDArray[np.int16]) -> NDArray[np.int64]:
    """Of a palette, (L,), to others, (N, L): whole numbers, the same on every machine."""
    difference = others.astype(np.int64) - one
    distances: NDArray[np.int64] = np.einsum("nl,nl->n", difference, difference)
    return distances


def _linear() -> NDArray[np.float64]:
    value = np.arange(256) / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def _directions() -> NDArray[np.float64]:
    """(13, 3): of each line through the middle of a cube of 27 cells one direction, of length 1."""
    cells = [np.array(cell) for cell in itertools.product((-1, 0, 1), repeat=3) if cell > (0, 0, 0)]
    return np.stack([cell / np.linalg.norm(cell) for cell in cells])


_LINEAR, _DIRECTIONS = _linear(), _directions()
LENGTH = len(_DIRECTIONS) * QUANTILES
"""Numbers in a palette."""
