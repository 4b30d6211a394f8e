"""Pastel vapour: light breaking through mist over water, in soft chalk dragged over toothed paper."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from painters.brush import Strokes, Touch, follow, stamp
from painters.canvas import (
    Array,
    Canvas,
    Image8,
    between,
    develop,
    field_shape,
    light,
    lookup,
    mesh,
    mix,
    noise,
    palette,
    prime,
    ramp,
    smoothstep,
    uniform,
)

_ASPECT = 0.75
_AIR = (
    palette("3f2f5f", "8f4f6f", "d9684f", "f29a54", "fbd584", "fff4d0"),
    palette("4f3f78", "94709f", "d98f8f", "f2b878", "fbe3a0", "fffae0"),
    palette("2f5f78", "6f9fa0", "bdb890", "f0c070", "fae2a0", "fffae0"),
)
_CHALK = palette("5a3f5f", "d9714f", "f5d77a", "7fb0b8", "fff6dc", "b87fa0")
_LAYERS = (  # strokes, length, width, opacity, share of accents
    (1100, 0.20, 0.040, 0.75, 0.05),
    (2200, 0.13, 0.018, 0.7, 0.12),
    (2600, 0.08, 0.008, 0.8, 0.22),
)


def paint(rng: np.random.Generator, size: int) -> Image8:
    """A luminous mist of `size` px (longer side): (H, W, 3) uint8 sRGB."""
    sun = np.array([0.25 + 0.5 * rng.random(), 0.2 + 0.2 * rng.random()])
    picture, flow = _picture(rng, sun), _flow(rng, sun)
    canvas = prime(size, picture)
    tooth = _tooth(rng, canvas)
    for count, length, width, opacity, accents in _LAYERS:
        strokes = _strokes(rng, picture, flow, count, length, width, accents)
        stamp(canvas, rng, strokes, Touch(opacity=opacity, dryness=0.8, taper=4, bristle=0.1), tooth)
    light(canvas, 0.22)
    return develop(canvas, rng, 0.05)


def _tooth(rng: np.random.Generator, canvas: Canvas) -> NDArray[np.float32]:
    """The paper's tooth (H, W): chalk sticks to the bumps and leaves the pits."""
    bumps = 0.6 * noise(rng, canvas.shape, 150) + 0.4 * noise(rng, canvas.shape, 330)
    return smoothstep(0.3, 0.6, bumps).astype(np.float32)


def _picture(rng: np.random.Generator, sun: Array) -> Array:
    """Glow, vapour, dark masses at the sides and the glitter on the water: (h, w, 3)."""
    shape = field_shape(_ASPECT)
    y, x = mesh(shape)
    horizon = 0.46 + 0.08 * rng.random()
    distance = np.sqrt((x - sun[0]) ** 2 + 1.3 * (y - sun[1]) ** 2)
    mist = noise(rng, shape, 3, 4, 0.55)
    brightness = 0.96 - 1.6 * distance + 0.8 * (mist - 0.5)
    mirror = np.sqrt(3 * (x - sun[0]) ** 2 + 0.6 * (y - 2 * horizon + sun[1]) ** 2)
    water = 0.9 - 1.5 * mirror + 0.5 * (mist - 0.5) + 0.1 * np.sin(y * 190 + 6 * mist)
    value = np.where(y > horizon, water, brightness)
    scene = ramp(value, between(_AIR, rng.random()))
    shore = smoothstep(0.05, 0.0, np.abs(y - horizon) - 0.05 * (noise(rng, shape, 6, 3) - 0.35))
    scene = mix(scene, palette("5f5480")[0], 0.75 * shore * smoothstep(0.08, 0.4, np.abs(x - sun[0])))
    drift = smoothstep(0.6, 0.9, noise(rng, shape, 4, 3))
    return mix(scene, palette("6fb0ba")[0], 0.6 * drift * smoothstep(0.95, 0.6, value))


def _flow(rng: np.random.Generator, sun: Array) -> Array:
    """Unit vectors (h, w, 2): a slow whirl around the sun, drifting vapour elsewhere, level on the water."""
    shape = field_shape(_ASPECT)
    y, x = mesh(shape)
    down, right = np.gradient(noise(rng, shape, 3, 2, 0.4) * 2, 1 / shape[1])
    whirl = np.stack(np.broadcast_arrays(sun[1] - y + 0.3 * (x - sun[0]), x - sun[0]), axis=-1) * 9
    level = smoothstep(0.42, 0.58, y)[..., None]
    flow = (whirl + np.stack([down, -right], axis=-1)) * (1 - 0.95 * level) + level * np.array([3.0, 0.0])
    return np.asarray(np.round(flow / np.maximum(np.sqrt((flow**2).sum(axis=2, keepdims=True)), 1e-6), 6))


def _strokes(
    rng: np.random.Generator, picture: Array, flow: Array, count: int, length: float, width: float, accents: float
) -> Strokes:
    middle = rng.random((count, 2)) * (1, _ASPECT)
    colour = lookup(picture, middle) + uniform(rng, -0.05, 0.05, (count, 3))
    chalk = _CHALK[(rng.random(count) * len(_CHALK)).astype(np.intp)]
    chalk = chalk + 0.75 * (colour - chalk).mean(axis=1, keepdims=True)  # another hue, nearly the same tone
    colour = mix(colour, chalk, np.where(rng.random(count) < accents, 0.7, 0.0))
    spine = follow(flow, middle, length * uniform(rng, 0.5, 1.1, count))
    return Strokes(spine, width * uniform(rng, 0.5, 1.1, count), colour, colour * uniform(rng, 0.9, 1.12, (count, 1)))
