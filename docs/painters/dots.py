"""Pointillism: shores at dusk in dots of pure colour, every fifth one the complement of what it stands on."""

from __future__ import annotations

import numpy as np

from painters.brush import Strokes, Touch, stamp, straight
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
_SKY = (
    palette("4a2f8a", "a05fb0", "f0788a", "fb9f5a", "fde07a"),
    palette("2f8fb0", "7fc0c8", "cfdcb0", "f7d08a", "fdeeb0"),
)
_SEA = (palette("2a2f7a", "5a5fb0", "b07fb8"), palette("12607a", "2f9fa0", "8fd4b8"))
_LAND = palette("1f3a4f", "2f6b4a", "7fa03f", "d8b040")
_LAYERS = ((3600, 0.0250), (9000, 0.0150), (12000, 0.0095))  # dots, diameter


def paint(rng: np.random.Generator, size: int) -> Image8:
    """A shore of `size` px (longer side): (H, W, 3) uint8 sRGB."""
    picture = _picture(rng)
    canvas = prime(size, picture)
    for count, diameter in _LAYERS:
        stamp(canvas, rng, _dots(rng, picture, count, diameter), Touch(taper=2, body=0.5, bristle=0.08, opacity=0.94))
    light(canvas, 0.3)
    return develop(canvas, rng, 0.03)


def _picture(rng: np.random.Generator) -> Array:
    """Sky with a low sun, sea with its reflection, far hills, and a bank with round trees in front: (h, w, 3)."""
    shape = field_shape(_ASPECT)
    y, x = mesh(shape)
    hour, horizon, sun_x = rng.random(), 0.3 + 0.18 * rng.random(), 0.15 + 0.7 * rng.random()
    sun = np.sqrt((x - sun_x) ** 2 + (y - horizon + 0.05 + 0.12 * hour) ** 2)
    clouds = noise(rng, shape, 5, 3)
    sky = ramp(y / horizon * 0.8 + 0.3 * (clouds - 0.5), between(_SKY, hour))
    sky = mix(sky, palette("fff0dc")[0], 0.35 * smoothstep(0.5, 0.8, noise(rng, shape, 3, 2) - 0.25 + 0.5 * clouds))
    sky = mix(sky, palette("fff6c0")[0], smoothstep(0.16, 0.035, sun))
    swell = noise(rng, shape, 7, 2)
    ripple = np.sin((y + 0.05 * swell) * (150 - 60 * y)) * (0.4 + swell)
    sea = ramp(0.1 + 0.6 * swell + 0.35 * ripple, between(_SEA, hour))
    column = smoothstep(0.14, 0.0, np.abs(x - sun_x) - 0.06 * ripple)
    sea = mix(sea, palette("fbb35a")[0], 0.85 * column)
    scene = np.where((y > horizon)[..., None], sea, sky)
    hills = horizon - 0.10 * noise(rng, (1, shape[1]), 4, 2) + 0.03
    scene = np.where(((y > hills) & (y < horizon))[..., None], mix(scene, palette("6f5fa8")[0], 0.75), scene)
    return _bank(rng, scene)


def _bank(rng: np.random.Generator, scene: Array) -> Array:
    """The near bank rises to one side and carries a few trees."""
    shape = scene.shape[0], scene.shape[1]
    y, x = mesh(shape)
    side = x if rng.random() < 0.5 else 1 - x
    top = 0.56 + 0.16 * side + 0.06 * noise(rng, (1, shape[1]), 6, 2)
    green = ramp(0.15 + 0.6 * noise(rng, shape, 10, 2) + 0.6 * (y - top), _LAND)
    scene = np.where((y > top)[..., None], green, scene)
    for place in uniform(rng, 0.0, 0.5, 2 + int(rng.random() * 4)):
        height, radius = 0.14 + 0.3 * rng.random(), 0.035 + 0.06 * rng.random()
        foot = 0.6 + 0.16 * place
        dx, dy = side - place, y - (foot - height)
        crown = (dx / radius) ** 2 + (dy / (radius * 1.7)) ** 2 + 1.6 * (noise(rng, shape, 16, 2) - 0.5)
        trunk = (np.abs(dx) < 0.007) & (dy > 0) & (y < foot + 0.03)
        lit = ramp(0.45 - dx / radius * 0.22 - dy / radius * 0.2 + 0.3 * (noise(rng, shape, 20) - 0.5), _LAND)
        scene = np.where(trunk[..., None], palette("4a2f4a")[0], scene)
        scene = np.where((crown < 1)[..., None], lit, scene)
    return scene


def _dots(rng: np.random.Generator, picture: Array, count: int, diameter: float) -> Strokes:
    """Dots of the picture's colours, purer than they are, with one in five turned to the complement."""
    middle = rng.random((count, 2)) * (1, _ASPECT)
    colour = lookup(picture, middle)
    grey = colour.mean(axis=1, keepdims=True)
    pure = grey + (colour - grey) * uniform(rng, 1.1, 1.7, (count, 1)) + uniform(rng, -0.13, 0.13, (count, 3))
    complement = grey * 1.05 - (colour - grey) * 0.9 + uniform(rng, -0.05, 0.1, (count, 3))
    dot = np.where(rng.random((count, 1)) < 0.18, complement, pure)
    width = diameter * uniform(rng, 0.7, 1.1, count)
    spine = straight(middle, uniform(rng, -0.6, 0.6, count), width * uniform(rng, 1.0, 1.5, count))
    return Strokes(spine, width, dot, dot * 0.94)
