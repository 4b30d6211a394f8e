"""Stained-glass cubism: the canvas splits into shards and rings; each with its own light and hatching, lead between."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from painters.canvas import (
    SUPERSAMPLING,
    Array,
    Canvas,
    Image8,
    between,
    develop,
    light,
    mesh,
    mix,
    noise,
    palette,
    ramp,
    smoothstep,
    uniform,
)

_LEAD = palette("15131c")[0]
_GLASS = (
    palette("7a1f2b", "c8432f", "e8893a", "f2c65a", "f4e6bf", "8fb8a0", "2f7f86", "1f4a6b", "2a2a55"),
    palette("5a1a3f", "b03a5a", "ee7f5f", "f5c87a", "f0ecd0", "9ac0c8", "4a7fb5", "2a3f86", "241f4a"),
)
_SPLITS = 7
_CENTRES = 2
_SMALLEST = 0.0022  # share of the canvas below which a shard is left alone


def paint(rng: np.random.Generator, size: int) -> Image8:
    """A window of `size` x `size` px: (size, size, 3) uint8 sRGB."""
    shape = (size * SUPERSAMPLING, size * SUPERSAMPLING)
    y, x = mesh(shape)
    shards = _rings(rng, y, x, _split(rng, y, x))
    rgb = _glass(rng, y, x, shards)
    lead = _leading(rng, shards)
    canvas = Canvas(
        mix(rgb, _LEAD * (1 + 0.8 * noise(rng, shape, 60)[..., None]), lead).astype(np.float32), _pane(rng, lead)
    )
    light(canvas, 0.5)
    return develop(canvas, rng, 0.05)


def _split(rng: np.random.Generator, y: Array, x: Array) -> NDArray[np.intp]:
    """Shard numbers (H, W): every shard is cut through a point near its middle, again and again, at slanted angles."""
    shards = np.zeros(np.broadcast_shapes(y.shape, x.shape), np.intp)
    angle = uniform(rng, 0, np.pi, 1)
    for _ in range(_SPLITS):
        count = len(angle)
        area, middle_x, middle_y = _moments(shards, y, x, count)
        reach = np.sqrt(area)
        at_x, at_y = (m + reach * uniform(rng, -0.25, 0.25, count) for m in (middle_x, middle_y))
        cut = (x - at_x[shards]) * np.cos(angle)[shards] + (y - at_y[shards]) * np.sin(angle)[shards] > 0
        shards = 2 * shards + (cut & (area > _SMALLEST)[shards])
        angle = (angle[:, None] + np.pi / 2 + uniform(rng, -0.75, 0.75, (count, 2))).ravel()
    return shards


def _moments(shards: NDArray[np.intp], y: Array, x: Array, count: int) -> tuple[Array, Array, Array]:
    """Area as a share of the canvas, and the middle (x, y), of each of the `count` shards."""
    flat = shards.ravel()
    pixels = np.bincount(flat, minlength=count)
    sums = (np.bincount(flat, np.broadcast_to(axis, shards.shape).ravel(), count) for axis in (x, y))
    middle_x, middle_y = (total / np.maximum(pixels, 1) for total in sums)
    return pixels / shards.size, middle_x, middle_y


def _rings(rng: np.random.Generator, y: Array, x: Array, shards: NDArray[np.intp]) -> NDArray[np.intp]:
    """Cut the shards along large circles about two centres."""
    for _ in range(_CENTRES):
        cx, cy = uniform(rng, 0.2, 0.8, 2)
        distance = np.sqrt((x - cx) ** 2 + (y - cy) ** 2)
        shards = shards * 4 + np.minimum(distance / uniform(rng, 0.1, 0.16), 3).astype(np.intp)
    return shards


def _glass(rng: np.random.Generator, y: Array, x: Array, shards: NDArray[np.intp]) -> Array:
    """Colour of the shards: warm where a slow field is high, shaded and hatched in directions of their own."""
    count = 2**_SPLITS * 4**_CENTRES  # all that could be, so that slivers lost at small sizes shift no draws
    area = np.maximum(np.bincount(shards.ravel(), minlength=count), 1)
    warmth = np.bincount(shards.ravel(), noise(rng, shards.shape, 2.2, 2).ravel(), count) / area
    hue = warmth * 1.35 - 0.175 + uniform(rng, -0.16, 0.16, count)
    base = ramp(hue, between(_GLASS, rng.random()))
    angle, phase = uniform(rng, 0, np.pi, count), rng.random(count)
    across = x * np.cos(angle)[shards] + y * np.sin(angle)[shards]
    shade = uniform(rng, -2.2, 2.2, count)
    middle = np.bincount(shards.ravel(), across.ravel(), count) / area
    tone = np.clip((across - middle[shards]) * shade[shards], -0.28, 0.28)
    pitch = uniform(rng, 50, 150, count)
    wobble = 0.5 * noise(rng, shards.shape, 14)
    line = np.abs((across * pitch[shards] + phase[shards] + wobble) % 1 - 0.5) * 2
    depth = np.where(rng.random(count) < 0.75, uniform(rng, 0.12, 0.42, count), 0.04)
    hatch = smoothstep(0.75, 0.35, line) * depth[shards]
    ink = np.where((base.mean(axis=1) > 0.45)[:, None], base * 0.35, base * 0.5 + 0.45)
    wash = 0.22 * (noise(rng, shards.shape, 7, 4) - 0.5) + 0.14 * (noise(rng, shards.shape, 90) - 0.5)
    return mix(base[shards] + (tone + wash)[..., None], ink[shards], hatch)


def _leading(rng: np.random.Generator, shards: NDArray[np.intp]) -> Array:
    """Lead (H, W) in [0, 1] along the borders of the shards, of a hand-drawn, uneven width."""
    border = np.zeros(shards.shape, bool)
    border[1:] |= shards[1:] != shards[:-1]
    border[:, 1:] |= shards[:, 1:] != shards[:, :-1]
    radius = max(shards.shape) / 400
    soft = Image.fromarray(border.astype(np.uint8) * 255).filter(ImageFilter.GaussianBlur(radius))
    near = np.asarray(soft, dtype=np.float64) / 255 * radius
    threshold = 0.06 + 0.2 * noise(rng, shards.shape, 6, 2)
    return smoothstep(0.0, 0.08, near - threshold)


def _pane(rng: np.random.Generator, lead: Array) -> NDArray[np.float32]:
    """Relief: rounded lead over slightly uneven glass."""
    return np.asarray(lead * 0.7 + 0.5 * noise(rng, (lead.shape[0], lead.shape[1]), 40, 2), dtype=np.float32)
