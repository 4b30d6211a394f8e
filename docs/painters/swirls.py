"""Impasto swirls: thick, bristled strokes that circle around the lights of a night sky over rolling hills."""

from __future__ import annotations

import numpy as np

from painters.brush import Strokes, Touch, follow, stamp
from painters.canvas import (
    Array,
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
_SKIES = (
    palette("1c0e40", "43257c", "7a4f9f", "c98fa8", "f4d9b4"),
    palette("08123a", "123079", "2262b4", "58a4d2", "c4e4d6"),
    palette("06222e", "0e4a5a", "1f7f86", "7fbfa0", "e6e6b4"),
)
_GLOWS = palette("d9642a", "f2a832", "fbdc6a", "fff4c0")
_HILLS = palette("071a2b", "123f45", "2f6b3f", "a89a3a", "e0b050")

_LAYERS = (  # strokes, length, width
    (900, 0.16, 0.032),
    (2200, 0.100, 0.020),
    (2000, 0.065, 0.012),
)


def paint(rng: np.random.Generator, size: int) -> Image8:
    """A night sky of `size` px (longer side): (H, W, 3) uint8 sRGB."""
    lights = _place_lights(rng)
    horizon = 0.5 + 0.22 * noise(rng, (1, field_shape(_ASPECT)[1]), 3, 2)
    wind = noise(rng, field_shape(_ASPECT), 3.5, 2, 0.35)
    picture, flow = _picture(rng, wind, lights, horizon), _flow(rng, wind, lights, horizon)
    canvas = prime(size, picture)
    for count, length, width in _LAYERS:
        stamp(canvas, rng, _strokes(rng, picture, flow, count, length, width), Touch(dryness=0.55, bristle=0.16))
    light(canvas, 0.55)
    return develop(canvas, rng, 0.02)


def _place_lights(rng: np.random.Generator) -> Array:
    """Lights (n, 3) as x, y, radius: one in each of four or five columns of the sky, the first one large."""
    count = 4 + int(rng.random() * 2)
    column = np.argsort(rng.random(count))
    x = (column + uniform(rng, 0.2, 0.8, count)) / count
    radius = np.concatenate([[0.085], uniform(rng, 0.022, 0.055, count - 1)])
    return np.stack([x, uniform(rng, 0.08, 0.4, count), radius], axis=1)


def _picture(rng: np.random.Generator, wind: Array, lights: Array, horizon: Array) -> Array:
    """The scene as colours (h, w, 3)."""
    shape = field_shape(_ASPECT)
    y, x = mesh(shape)
    streams = 0.5 + 0.5 * np.sin(wind * 34)
    sky = ramp(0.5 * noise(rng, shape, 4, 3) + 0.32 * streams + 0.2 * (y / _ASPECT), between(_SKIES, rng.random()))
    for lx, ly, radius in lights:
        distance = np.sqrt((x - lx) ** 2 + (y - ly) ** 2) / radius
        rings = 0.5 + 0.5 * np.cos(distance * 5.5)
        glow = smoothstep(3.4, 0.6, distance) * np.where(distance > 0.8, 0.15 + 0.85 * rings, 1)
        sky = mix(sky, ramp(1.1 - distance / 2.4, _GLOWS), glow)
    depth = np.clip((y - horizon) / (_ASPECT - 0.5), 0, 1)
    ridges = 0.5 + 0.5 * np.sin(depth * 22 + 5 * noise(rng, shape, 3, 2))
    land = ramp(0.05 + 0.5 * ridges + 0.45 * noise(rng, shape, 8, 2) - 0.15 * depth, _HILLS)
    return np.where((y > horizon)[..., None], land, sky)


def _flow(rng: np.random.Generator, wind: Array, lights: Array, horizon: Array) -> Array:
    """Unit vectors (h, w, 2) along the level lines of the wind, turning around each light, along the hills below."""
    shape = field_shape(_ASPECT)
    y, x = mesh(shape)
    down, right = np.gradient(wind * 9, 1 / shape[1])
    flow = np.stack([down + 2.5, -right], axis=-1) / 6
    for index, (lx, ly, radius) in enumerate(lights):
        near = np.exp(-(((x - lx) ** 2 + (y - ly) ** 2) / (2.6 * radius) ** 2))[..., None] * 6
        turn = np.stack(np.broadcast_arrays(ly - y, x - lx), axis=-1) / radius * (1 - 2 * (index % 2))
        flow = flow * np.exp(-near) + near * turn
    slope = np.broadcast_to(np.gradient(horizon, 1 / shape[1], axis=1), shape)
    hills = np.stack([np.ones(shape), slope + 1.2 * (noise(rng, shape, 5) - 0.5)], axis=-1)
    flow = np.where((y > horizon)[..., None], hills, flow)
    return np.asarray(np.round(flow / np.maximum(np.sqrt((flow**2).sum(axis=2, keepdims=True)), 1e-6), 6))


def _strokes(rng: np.random.Generator, picture: Array, flow: Array, count: int, length: float, width: float) -> Strokes:
    middle = rng.random((count, 2)) * (1, _ASPECT)
    colour = lookup(picture, middle) + uniform(rng, -0.07, 0.07, (count, 3))
    streak = lookup(picture, middle + uniform(rng, -0.05, 0.05, (count, 2))) * uniform(rng, 0.8, 1.35, (count, 1))
    spine = follow(flow, middle, length * uniform(rng, 0.6, 1.1, count))
    return Strokes(spine, width * uniform(rng, 0.6, 1.1, count), colour, streak)
