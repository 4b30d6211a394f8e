"""Drip painting: skeins of enamel poured over stained canvas, layer upon layer, with the splashes they leave."""

from __future__ import annotations

import numpy as np

from painters.brush import Strokes, Touch, stamp, straight
from painters.canvas import (
    Array,
    Canvas,
    Image8,
    between,
    develop,
    field_shape,
    light,
    mix,
    noise,
    palette,
    prime,
    ramp,
    smoothstep,
    uniform,
)

_ASPECT = 0.75
_GROUND = (palette("a8895f", "cdb68c", "e4d6b4", "c9a878"), palette("8f8f86", "bdb8a4", "e2dcc6", "c2a98a"))
_BLACK, _WHITE = palette("17161a", "f6f1e4")
_ENAMEL = palette("c8402a", "2a7f86", "e8b23a", "2b4486", "d98aa0", "7a8f3a", "e0743a", "8a4f7a")
_GLOSS = Touch(taper=0, body=0.9, bristle=0.03)


def paint(rng: np.random.Generator, size: int) -> Image8:
    """A poured canvas of `size` px (longer side): (H, W, 3) uint8 sRGB."""
    a, b, c, d = _ENAMEL[np.argsort(rng.random(len(_ENAMEL)))[:4]]
    canvas = prime(size, _ground(rng, a, b))
    for layer, colour in enumerate((a, b, _BLACK, c, _WHITE, a, d, _BLACK, b, _WHITE)):
        _pour(canvas, rng, colour, threads=5 + int(rng.random() * 7), width=0.017 * 0.88**layer)
    light(canvas, 0.45)
    return develop(canvas, rng, 0.05)


def _ground(rng: np.random.Generator, a: Array, b: Array) -> Array:
    """Raw canvas (h, w, 3), stained with two of the paints, thinned."""
    shape = field_shape(_ASPECT)
    stain = noise(rng, shape, 5, 4, 0.65)
    weave = 0.5 * (rng.random(shape) - 0.5)
    ground = ramp(stain + 0.4 * weave, between(_GROUND, rng.random()))
    for colour in (a, b):
        ground = mix(ground, colour, 0.6 * smoothstep(0.5, 0.62, noise(rng, shape, 4, 4, 0.6) + 0.2 * weave))
    return ground


def _pour(canvas: Canvas, rng: np.random.Generator, colour: Array, threads: int, width: float) -> None:
    """One can of paint: looping threads, thin where the hand was fast; drops along them; a few blots."""
    spine = np.stack([_thread(rng) for _ in range(threads)])
    speed = np.sqrt((np.gradient(spine, axis=1) ** 2).sum(axis=2))
    flow = np.clip(speed.mean() / np.maximum(speed, 1e-6), 0.25, 2.2)
    paint = np.tile(colour, (len(spine), 1)) + uniform(rng, -0.03, 0.03, (len(spine), 3))
    stamp(canvas, rng, Strokes(spine, width * flow * uniform(rng, 0.4, 1.1, (len(spine), 1)), paint, paint), _GLOSS)
    for count, reach in ((5, 4.5), (30, 1.6), (240, 0.55)):
        _splash(canvas, rng, colour, _drops(rng, spine, count), reach * width)


def _thread(rng: np.random.Generator) -> Array:
    """A trajectory (k, 2) across the canvas: a slow drift with loops of several sizes."""
    t = np.linspace(0, 1, 240)
    angle = uniform(rng, 0, 6.28)
    heading = np.concatenate([np.cos(angle), np.sin(angle)])
    path = rng.random(2) * (1, _ASPECT) + heading * (t[:, None] - 0.5)
    for turns, size in ((1.5, 0.16), (4, 0.09), (9, 0.035), (23, 0.008)):
        rate, phase = turns * uniform(rng, 0.6, 1.4, 2), uniform(rng, 0, 6.28, 2)
        path = path + size * uniform(rng, 0.4, 1.2, 2) * np.sin(6.28 * rate * t[:, None] + phase)
    return np.asarray(np.round(path, 7))


def _drops(rng: np.random.Generator, spine: Array, count: int) -> Array:
    """Places (count, 2) around the threads, most of them close."""
    thread = (rng.random(count) * spine.shape[0]).astype(np.intp)
    point = (rng.random(count) * spine.shape[1]).astype(np.intp)
    spread = uniform(rng, -1, 1, (count, 2)) ** 3 * 0.14
    return np.asarray(spine[thread, point] + spread)


def _splash(canvas: Canvas, rng: np.random.Generator, colour: Array, places: Array, reach: float) -> None:
    """Round to long drops; sizes follow a steep law up to `reach`."""
    count = len(places)
    width = reach * (0.2 + 0.8 * rng.random(count) ** 3)
    spine = straight(places, uniform(rng, 0, 3.14, count), width * (1 + 1.5 * rng.random(count) ** 3))
    paint = np.tile(colour, (count, 1))
    stamp(canvas, rng, Strokes(spine, width, paint, paint), Touch(taper=2, body=0.9, bristle=0.03))
