"""Where things stand on a map so that they can be told apart: values evened out, labels moved from each other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]

EVENED = 0.6
"""How far values give way to their ranks: one outlier must not press all others together."""

LABEL = (0.115, 0.15)
"""The width and the height that a label with its picture takes, as shares of a map of usual size."""

EDGE = (0.06, 0.085)
"""How far from the edges of the map the middle of a label stays."""

ROOM = 36
"""Labels for which there is room; of more, each counts as so much smaller: they come apart when the map is zoomed."""

_STEPS = 240


def evened(points: Points, known: Points) -> Points:
    """Points with each coordinate from 0 to 1, between its share of the range and its rank among the `known` ones."""
    columns = []
    for column, reference in zip(points.T, known.T, strict=True):
        values = np.sort(reference)
        ranks = np.interp(column, values, np.linspace(0, 1, len(values)))
        spread = values[-1] - values[0]
        shares = (column - values[0]) / spread if spread > 0 else np.full(len(column), 0.5)
        columns.append((1 - EVENED) * shares + EVENED * (ranks if spread > 0 else shares))
    return np.stack(columns, axis=1)


def inside(points: Points) -> Points:
    """Points from 0 to 1, away from the edges of the map."""
    low, high = np.array(EDGE), 1 - np.array(EDGE)
    placed: Points = low + points.clip(0, 1) * (high - low)
    return placed


def apart(points: Points) -> Points:
    """Labels at (N, 2) points moved until none covers another, as far as there is room, each as little as it takes."""
    low, high = np.array(EDGE), 1 - np.array(EDGE)
    placed: Points = inside(points)
    # Labels at one point would push each other along no line: a step that differs tells them apart.
    placed = placed + 1e-6 * np.stack([np.arange(len(placed)), -np.arange(len(placed))], axis=1)
    label = np.array(LABEL) * min(1.0, (ROOM / max(1, len(points))) ** 0.5)
    steps = _STEPS if len(points) <= 60 else _STEPS // 4
    for step in range(steps):
        difference = (placed[:, None] - placed) / label
        distance = np.abs(difference).max(axis=2)  # below 1 they cover each other
        covers = distance < 1
        np.fill_diagonal(covers, val=False)
        if not covers.any():
            break
        # From each other in the direction in which they stand; in the end the shorter way out, sideways or up.
        ways = difference / np.linalg.norm(difference, axis=2, keepdims=True).clip(1e-9)
        if step > 0.6 * steps:
            along_x = np.abs(difference[..., :1]) >= np.abs(difference[..., 1:])
            ways = np.sign(difference) * np.concatenate([along_x, ~along_x], axis=2)
        push = ways * ((1.02 - distance) * covers)[..., None] * label
        placed = (placed + 0.3 * push.sum(axis=1)).clip(low, high)
    return placed
