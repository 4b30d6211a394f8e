"""A loss trace as the path of a small SVG line: logarithmic loss over iterations."""

from __future__ import annotations

import numpy as np

WIDTH, HEIGHT = 100, 24
_MOST_POINTS = 40
_MARGIN = 2.0


def sparkline(iterations: np.ndarray, totals: np.ndarray) -> str:
    """The `d` of an SVG path in a box of `WIDTH` × `HEIGHT`; empty where there is no line to draw.

    Points that have no logarithm (zero, negative, not finite) are left out.
    """
    usable = np.isfinite(totals) & (totals > 0) & np.isfinite(iterations)
    x, y = iterations[usable].astype(np.float64), np.log(totals[usable].astype(np.float64))
    if len(x) < 2 or x[0] == x[-1]:
        return ""
    kept = np.unique(np.linspace(0, len(x) - 1, min(len(x), _MOST_POINTS)).round().astype(int))
    across = _scaled(x[kept], WIDTH)
    down = HEIGHT - _scaled(y[kept], HEIGHT)
    return "M" + "L".join(f"{left:.1f} {top:.1f}" for left, top in zip(across, down, strict=True))


def _scaled(values: np.ndarray, length: int) -> np.ndarray:
    span = np.ptp(values)
    unit = (values - values.min()) / span if span > 0 else np.full(len(values), 0.5)
    return _MARGIN + unit * (length - 2 * _MARGIN)
