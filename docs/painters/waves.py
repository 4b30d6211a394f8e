"""Woodblock waves: breakers in flat inks with carved contours under a vermilion sun, on fibrous paper."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

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

Block = NDArray[np.int8]

_ASPECT = 0.75
_LINE, _PAPER, _BLUE = 0, 1, 2  # places in the inks; the blues run from light to dark
_INKS = (
    palette("101a33", "f1e6cb", "a9cbc8", "5f9fb8", "2a6396", "1a3766"),
    palette("1a1a2b", "f0e2c6", "c3cfae", "72aaa0", "2f7480", "1f4460"),
)
_SKY = (
    palette("b8482f", "dd8a55", "efc48f", "f4e4c4"),
    palette("d9a24e", "e8c47f", "f0dcb0", "f1e6cb"),
    palette("3f7a96", "86aeb0", "d3d3ac", "f0dcb0"),
)
_SUN = palette("cf3a26")[0]
_BREAKERS = 7


def paint(rng: np.random.Generator, size: int) -> Image8:
    """A sea of `size` px (longer side): (H, W, 3) uint8 sRGB."""
    shape = (max(1, round(size * _ASPECT)) * SUPERSAMPLING, size * SUPERSAMPLING)
    y, x = mesh(shape)
    horizon = 0.2 + 0.1 * rng.random()
    inks = between(_INKS, rng.random())
    sky = _sky(rng, y, x, horizon, inks)
    sea = np.full(shape, -1, np.int8)
    lean = uniform(rng, -1, 1)[0]
    for number in range(_BREAKERS):
        near = number / (_BREAKERS - 1)
        _breaker(rng, sea, y, x, horizon + (0.66 - horizon) * near**1.15, near, lean)
    shade = 0.86 + 0.28 * noise(rng, shape, 3, 2)
    printed = np.where((sea >= 0)[..., None], inks[sea] * shade[..., None], sky)
    return _press(rng, printed, inks[_PAPER])


def _sky(rng: np.random.Generator, y: Array, x: Array, horizon: float, inks: Array) -> Array:
    """A graded sky with the grain of the block, bands of cloud and the sun: (H, W, 3)."""
    shape = np.broadcast_shapes(y.shape, x.shape)
    knot = noise(rng, shape, 3, 2)
    sky = ramp(y / horizon * 0.8 + 0.3 * (knot - 0.5), between(_SKY, rng.random()))
    radius = 0.07 + 0.04 * rng.random()
    sx, sy = 0.15 + 0.7 * rng.random(), horizon - radius * uniform(rng, 0.2, 1.2)[0]
    sky[np.sqrt((x - sx) ** 2 + (y - sy) ** 2) < radius] = _SUN
    cloud = _distance(np.sin(y * 60 + 3 * knot) * 0.5 + 1.6 * noise(rng, shape, 2.2) - 1.4)
    sky[cloud > 0] = inks[_PAPER]
    sky[np.abs(cloud) < 0.0016] = inks[_LINE]
    ring = np.abs((y * 85 + 9 * knot) % 1 - 0.5)
    return mix(sky, sky * 0.55, 0.8 * smoothstep(0.14, 0.04, ring))


def _breaker(rng: np.random.Generator, sea: Block, y: Array, x: Array, level: float, near: float, lean: float) -> None:
    """Cut one wave into the block, in place; `near` runs from 0 at the horizon to 1 in front."""
    height = 0.05 + 0.13 * near
    first = int(np.searchsorted(y[:, 0], level - 1.05 * height))
    part, y = sea[first:], y[first:]
    if not len(part):
        return
    shape = part.shape[0], part.shape[1]
    warp = noise(rng, shape, 5) - 0.5
    phase = (4.2 - 2.2 * near) * (x + 0.55 * height * warp + lean * (y - level)) + rng.random()
    peak = (1 - np.abs(np.sin(phase * np.pi))) ** 1.5
    top = level - height * peak * (0.35 + 0.65 * noise(rng, (1, shape[1]), 4))
    depth = _distance(y - top)
    wave = _body(rng, depth, warp, near)
    _foam(rng, wave, depth, peak, x + 0.3 * y, near)
    np.copyto(part, wave, where=depth > 0)
    part[np.abs(depth) < 0.0012 + 0.0016 * near] = _LINE
    spray = noise(rng, shape, 75 - 25 * near) - 0.30 * np.clip(-depth / (0.06 + 0.04 * near), 0, 2)
    part[(depth < -0.004) & (spray > 0.74) & (peak > 0.2)] = _PAPER


def _distance(field: Array) -> Array:
    """Signed distance to the zero line of a field, to first order, in units of the longer side."""
    down, right = np.gradient(field, 1 / field.shape[1]) if min(field.shape) > 1 else (np.ones(1), np.zeros(1))
    return np.asarray(field / np.sqrt(down**2 + right**2 + 0.05))


def _body(rng: np.random.Generator, depth: Array, warp: Array, near: float) -> Block:
    """Inks (H, W) of the water: bands that follow the crest, darker below, with carved lines that swell and thin."""
    shape = depth.shape[0], depth.shape[1]
    pitch = 0.010 + 0.010 * near
    phase = depth / pitch + 2.2 * warp + rng.random()
    band = np.floor(phase)
    ink = _BLUE + np.clip(band * 0.28 + (band % 3) * 0.9, 0, 3).astype(np.int8)
    thick = (0.0008 + 0.0035 * noise(rng, shape, 9) * (0.5 + near)) / pitch
    line = np.minimum(phase - band, 1 - (phase - band)) < thick
    carved = np.abs(phase - band - 0.5) < thick * 0.5 * (band % 2)
    return np.where(line, _LINE, np.where(carved, _PAPER, ink)).astype(np.int8)


def _foam(rng: np.random.Generator, wave: Block, depth: Array, peak: Array, along: Array, near: float) -> None:
    """White along the crest, hanging in scallops that are longer where the wave peaks, in place."""
    scale = 0.45 + 0.75 * near
    wobble = noise(rng, (depth.shape[0], depth.shape[1]), 22 - 8 * near)
    for reach, ink in ((0.050, _BLUE), (0.034, _PAPER)):
        fringe = np.abs(np.sin((along * 46 / scale + 5 * wobble) * np.pi * 0.5)) * 0.010
        hem = _distance(depth - scale * (reach * (0.12 + peak) * (0.5 + wobble) + fringe))
        wave[hem < 0] = ink
        wave[np.abs(hem) < 0.0009 + 0.0009 * near] = _LINE


def _press(rng: np.random.Generator, printed: Array, paper: Array) -> Image8:
    """Press the block on paper: fibres, and ink that takes unevenly."""
    shape = printed.shape[0], printed.shape[1]
    fibre = noise(rng, shape, 140, 2)
    starved = smoothstep(0.60, 0.75, 0.65 * fibre + 0.35 * noise(rng, shape, 12))
    printed = mix(printed, paper, 0.3 * starved) * (0.92 + 0.16 * fibre[..., None])
    canvas = Canvas(printed.astype(np.float32), fibre.astype(np.float32))
    light(canvas, 0.12)
    return develop(canvas, rng, 0.05)
