"""The tools that all painters share: the canvas, smooth noise, palettes, and the final lighting and grain.

Geometry is in units of the canvas' longer side: x runs over [0, 1], y over [0, height / width]. The pictures that a
brush looks at (fields) live on a grid of fixed resolution, and what decides a composition is drawn in an order that
does not depend on the size, so a work has the same composition at any size. Everything is elementwise NumPy (no BLAS),
in float64 wherever a transcendental function is involved: the last bit of a maths library is lost in the rounding.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Image8 = NDArray[np.uint8]

FIELD = 256
"""Longer side, in cells, of the grid on which compositions and flow fields are computed."""

SUPERSAMPLING = 2
"""Canvas pixels per output pixel, each way."""


@dataclass
class Canvas:
    """Wet paint: `rgb` (H, W, 3) float32 in [0, 1], and its `relief` (H, W) float32, 1 being a thick ridge."""

    rgb: NDArray[np.float32]
    relief: NDArray[np.float32]

    @property
    def shape(self) -> tuple[int, int]:
        return self.relief.shape[0], self.relief.shape[1]

    @property
    def scale(self) -> int:
        """Canvas pixels per unit of length."""
        return max(self.shape)


def prime(size: int, picture: Array) -> Canvas:
    """A canvas for a work of `size` px (its width, the longer side), underpainted with a picture (h, w, 3)."""
    rows, columns = picture.shape[:2]
    shape = (max(1, round(size * rows / columns)) * SUPERSAMPLING, size * SUPERSAMPLING)
    points = np.stack(np.broadcast_arrays(*mesh(shape)[::-1]), axis=-1)
    return Canvas(lookup(picture, points).astype(np.float32), np.zeros(shape, np.float32))


def field_shape(aspect: float) -> tuple[int, int]:
    """Rows and columns of a field for a canvas of this height / width."""
    return round(FIELD * aspect), FIELD


def mesh(shape: tuple[int, int]) -> tuple[Array, Array]:
    """Pixel centres as (y, x), each broadcastable to `shape`, in units of the longer side."""
    rows, columns = shape
    long = max(shape)
    return (np.arange(rows)[:, None] + 0.5) / long, (np.arange(columns)[None, :] + 0.5) / long


def noise(rng: np.random.Generator, shape: tuple[int, int], cells: float, octaves: int = 1, gain: float = 0.5) -> Array:
    """Smooth fractal noise (H, W) in [0, 1]; `cells` lattice cells along the longer side in the first octave."""
    total = np.zeros(shape)
    weight = 0.0
    for octave in range(octaves):
        total += gain**octave * _spline_noise(rng, shape, cells * 2**octave)
        weight += gain**octave
    return np.clip((total / weight - 0.5) * 1.9 + 0.5, 0.0, 1.0)


def _spline_noise(rng: np.random.Generator, shape: tuple[int, int], cells: float) -> Array:
    """One octave: random lattice values under a cubic B-spline. The lattice is square whatever the shape."""
    side = int(cells) + 5
    lattice = rng.random((side, side))
    y, x = mesh(shape)
    return _spline_rows(_spline_rows(lattice, y.ravel() * cells).T, x.ravel() * cells).T


def _spline_rows(lattice: Array, at: Array) -> Array:
    """Cubic B-spline interpolation of the rows of `lattice` at positions `at`: (len(at), columns)."""
    base = np.floor(at).astype(np.intp)
    t = (at - base)[:, None]
    weights = ((1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3)
    out = np.zeros((len(at), lattice.shape[1]))
    for tap, weight in enumerate(weights):
        out += weight / 6 * lattice[base + tap]
    return out


def palette(*codes: str) -> Array:
    """Colours "rrggbb" as (n, 3) float64 in [0, 1]."""
    return np.array([[int(code[i : i + 2], 16) / 255 for i in (0, 2, 4)] for code in codes])


def mix(a: Array, b: Array, share: Array | float) -> Array:
    """`a` where `share` is 0, `b` where it is 1; `share` (...) is spread over the channels of (..., 3)."""
    amount = np.asarray(share)[..., None]
    return np.asarray(a * (1 - amount) + b * amount)


def between(palettes: tuple[Array, ...], at: float) -> Array:
    """A palette (n, 3) between the two neighbours at position `at` in [0, 1] along a row of palettes."""
    return ramp(np.asarray(at), np.stack(palettes))


def ramp(at: Array, colours: Array) -> Array:
    """Colours (n, 3) evenly spread over [0, 1], read at positions `at` (...): (..., 3)."""
    position = np.clip(at, 0, 1) * (len(colours) - 1)
    low = np.minimum(position.astype(np.intp), len(colours) - 2)
    return mix(colours[low], colours[low + 1], position - low)


def smoothstep(low: float, high: float, value: Array) -> Array:
    """0 below `low`, 1 above `high` (or the reverse if low > high), smooth between."""
    t = np.clip((value - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t))


def uniform(rng: np.random.Generator, low: float, high: float, size: int | tuple[int, ...] = 1) -> Array:
    """Uniform draws, built on `random()`, the part of NumPy's stream least likely ever to change."""
    return low + (high - low) * rng.random(size)


def lookup(field: NDArray[np.generic], points: Array) -> Array:
    """Values of a field (h, w, ...) at points (..., 2) given as (x, y); the nearest border cell outside."""
    rows, columns = field.shape[:2]
    x = np.clip((points[..., 0] * max(rows, columns)).astype(np.intp), 0, columns - 1)
    y = np.clip((points[..., 1] * max(rows, columns)).astype(np.intp), 0, rows - 1)
    return np.asarray(field[y, x], dtype=np.float64)


def light(canvas: Canvas, strength: float) -> None:
    """Rake light over the relief from the top left: ridges gain a lit and a shaded side, in place."""
    relief = np.pad(canvas.relief, 1, mode="edge")
    slope = relief[1:-1, 1:-1] * 2 - relief[:-2, 1:-1] - relief[1:-1, :-2]
    shade = np.clip(slope, -0.8, 0.8)[..., None] * np.float32(strength)
    canvas.rgb = np.clip(canvas.rgb + shade * (canvas.rgb * np.float32(0.7) + np.float32(0.3)), 0, 1)


def develop(canvas: Canvas, rng: np.random.Generator, grain: float) -> Image8:
    """The finished work (H, W, 3) uint8 sRGB: averaged down to its size, with grain of that amplitude."""
    rows, columns = canvas.shape
    s = SUPERSAMPLING
    rgb = canvas.rgb.astype(np.float64).reshape(rows // s, s, columns // s, s, 3).mean(axis=(1, 3))
    rgb += grain * (rng.random((*rgb.shape[:2], 1)) - 0.5)
    return np.asarray(np.rint(np.clip(rgb, 0, 1) * 255), dtype=np.uint8)
