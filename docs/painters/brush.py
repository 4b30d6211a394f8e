"""The brush: stamps thousands of curved, bristled strokes, dots or poured lines on a canvas at once.

A stroke is a spine (a polyline) swept by a row of bristles. All strokes of a layer are sampled on one (along, across)
grid; each canvas pixel keeps the last sample that fell on it, found by an exact integer maximum, so painting order is
respected without a loop over strokes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from painters.canvas import Array, Canvas, lookup

_LANES = 16
_STEP = 0.7  # px between samples: under 1 / sqrt(2), so that a stroke has no holes
_BATCH = 1_500_000


@dataclass(frozen=True)
class Strokes:
    """A layer, painted in order. Lengths are in units of the canvas' longer side, colours in [0, 1].

    `spine` (n, k, 2) points (x, y); `width` (n,) or (n, k); `colour` and `streak` (n, 3): the two paints on the brush.
    """

    spine: Array
    width: Array
    colour: Array
    streak: Array


@dataclass(frozen=True)
class Touch:
    """How the brush is held. `opacity` of the paint; `dryness` in [0, 1]: how much of the tail breaks up into bristles;
    `taper`: 2 makes an ellipse, 8 a blunt stroke, 0 one without ends; `body`: the relief it leaves; `bristle`: how far
    bristles differ in tone.
    """

    opacity: float = 1.0
    dryness: float = 0.0
    taper: float = 6.0
    body: float = 0.6
    bristle: float = 0.12


def follow(flow: Array, middle: Array, length: Array, steps: int = 10) -> Array:
    """Spines (n, steps + 1, 2) through `middle` (n, 2) along a field of unit vectors (h, w, 2), `length` (n,) long."""
    half = steps // 2
    stride = (length / steps)[:, None]
    ahead, behind = [middle], [middle]
    for _ in range(half):
        ahead.append(ahead[-1] + stride * lookup(flow, ahead[-1]))
        behind.append(behind[-1] - stride * lookup(flow, behind[-1]))
    return np.stack([*behind[:0:-1], *ahead], axis=1)


def straight(middle: Array, angle: Array, length: Array) -> Array:
    """Two-point spines (n, 2, 2) of that `angle` (radians) and `length`, both (n,)."""
    half = np.stack([np.cos(angle), np.sin(angle)], axis=-1) * (length / 2)[:, None]
    return np.stack([middle - half, middle + half], axis=1)


def stamp(
    canvas: Canvas, rng: np.random.Generator, strokes: Strokes, touch: Touch, tooth: NDArray[np.float32] | None = None
) -> None:
    """Paint a layer on the canvas, in place. `tooth` (H, W) in [0, 1]: the share of the paint that the paper takes."""
    loose = rng.random((len(strokes.spine), _LANES)).astype(np.float32)
    lanes = (loose + np.roll(loose, 1, axis=1)) * np.float32(0.5)  # neighbouring bristles clump
    for part in _batches(strokes, canvas.scale):
        _stamp_batch(canvas, _take(strokes, part), lanes[part], touch, tooth)


def _take(strokes: Strokes, part: slice) -> Strokes:
    return Strokes(strokes.spine[part], strokes.width[part], strokes.colour[part], strokes.streak[part])


def _batches(strokes: Strokes, scale: int) -> Iterator[slice]:
    """Runs of strokes whose samples fit a fixed amount of memory."""
    along, across = _samples(strokes, scale)
    count = max(1, _BATCH // (along * across))
    return (slice(i, i + count) for i in range(0, len(strokes.spine), count))


def _samples(strokes: Strokes, scale: int) -> tuple[int, int]:
    """Samples along and across that leave no holes in the longest and the widest stroke."""
    if not len(strokes.spine):
        return 1, 1
    legs = np.diff(strokes.spine, axis=1)
    length = np.sqrt((legs**2).sum(axis=2)).max() * legs.shape[1]
    return max(2, int(length * scale / _STEP) + 2), max(2, int(strokes.width.max() * scale / _STEP) + 2)


def _stamp_batch(
    canvas: Canvas, strokes: Strokes, lanes: NDArray[np.float32], touch: Touch, tooth: NDArray[np.float32] | None
) -> None:
    along, across = _samples(strokes, canvas.scale)
    v = np.linspace(-1, 1, across).astype(np.float32)
    pixel = _pixels(canvas, strokes, along, v, touch.taper)
    lane = np.minimum(((v + 1) * (_LANES / 2)).astype(np.intp), _LANES - 1)
    if touch.dryness:
        tail = np.linspace(0, touch.dryness, along, dtype=np.float32) ** 2
        pixel[lanes[:, None, lane] < tail[None, :, None]] = canvas.relief.size
    winner = np.full(canvas.relief.size + 1, -1, np.int32)
    np.maximum.at(winner, pixel.ravel(), np.arange(pixel.size, dtype=np.int32))
    hit = np.flatnonzero(winner[:-1] >= 0)
    _apply(canvas, strokes, lanes, touch, tooth, hit, np.unravel_index(winner[hit], pixel.shape), (v, lane))


def _pixels(canvas: Canvas, strokes: Strokes, along: int, v: NDArray[np.float32], taper: float) -> NDArray[np.int64]:
    """The flat canvas index of every sample (n, along, across); outside, the index past the last."""
    spine = _resample(strokes.spine * canvas.scale, along)
    width = strokes.width[:, None] if strokes.width.ndim == 1 else _resample(strokes.width[..., None], along)[..., 0]
    cap = np.sqrt(1 - np.abs(np.linspace(-1, 1, along)) ** taper) if taper else np.ones(along)
    reach = (width * cap * (canvas.scale / 2))[..., None]
    leg = np.gradient(spine, axis=1)
    normal = leg / np.maximum(np.sqrt((leg**2).sum(axis=2, keepdims=True)), 1e-9) * reach
    x = (spine[..., 0, None] - normal[..., 1, None] * v).astype(np.float32)
    y = (spine[..., 1, None] + normal[..., 0, None] * v).astype(np.float32)
    rows, columns = canvas.shape
    inside = (x >= 0) & (x < columns) & (y >= 0) & (y < rows)
    return np.where(inside, y.astype(np.int32) * columns + x.astype(np.int32), canvas.relief.size)


def _resample(points: Array, count: int) -> Array:
    """Polylines (n, k, d) read at `count` evenly spaced positions: (n, count, d)."""
    at = np.linspace(0, points.shape[1] - 1, count)
    low = np.minimum(at.astype(np.intp), points.shape[1] - 2)
    t = (at - low)[:, None]
    return np.asarray(points[:, low] * (1 - t) + points[:, low + 1] * t)


def _apply(
    canvas: Canvas,
    strokes: Strokes,
    lanes: NDArray[np.float32],
    touch: Touch,
    tooth: NDArray[np.float32] | None,
    hit: NDArray[np.intp],
    sample: tuple[NDArray[np.intp], ...],
    cross: tuple[NDArray[np.float32], NDArray[np.intp]],
) -> None:
    """Colour and relief of the pixels that were hit, from the stroke and the bristle that hit them last."""
    stroke, _, across = sample
    v, lane = cross
    bristle = lanes[stroke, lane[across]]
    colour, streak = strokes.colour.astype(np.float32)[stroke], strokes.streak.astype(np.float32)[stroke]
    colour += (streak - colour) * np.clip(bristle * 2 - np.float32(0.5), 0, 1)[:, None]
    colour += (np.float32(touch.bristle) * (bristle - np.float32(0.5)))[:, None]
    share = np.full(len(hit), touch.opacity, np.float32)
    if tooth is not None:
        share *= tooth.reshape(-1)[hit]
    rgb, relief = canvas.rgb.reshape(-1, 3), canvas.relief.reshape(-1)
    old = rgb[hit]
    rgb[hit] = old + (colour - old) * share[:, None]
    edge = (1 - np.float32(0.7) * v * v * v * v)[across]
    ridge = np.float32(touch.body) * (np.float32(0.4) + np.float32(0.6) * bristle) * edge
    relief[hit] += (ridge - relief[hit]) * share
