"""Loss traces, reduced to what a curve on a screen can show."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

MOST_POINTS = 40


@dataclass(frozen=True)
class Trace:
    """A curve of total loss over iterations: finite and positive, as its scale is logarithmic; at least two points.

    `loss_left` is the share of the initial loss that is left: comparable between pairs, as the loss itself is not.
    """

    iterations: tuple[int, ...]
    totals: tuple[float, ...]
    loss_left: float


def reduced_traces(column: pa.ListArray) -> Iterator[Trace | None]:
    """The `loss_trace` of each row, in at most `MOST_POINTS` points of four digits; None where there is no curve."""
    points = column.flatten()
    iterations = points.field("iteration").to_numpy(zero_copy_only=False)
    totals = points.field("total").to_numpy(zero_copy_only=False)
    start = 0
    for length in pc.fill_null(pc.list_value_length(column), 0).to_pylist():
        yield reduced(iterations[start : start + length], totals[start : start + length])
        start += length


def reduced(iterations: np.ndarray, totals: np.ndarray) -> Trace | None:
    """One trace. Points that have no logarithm are left out; the first and the last of the others are kept."""
    usable = np.isfinite(totals) & (totals > 0) & np.isfinite(iterations)
    x, y = iterations[usable], totals[usable].astype(np.float64)
    if len(x) < 2 or x[0] == x[-1]:
        return None
    kept = np.unique(np.linspace(0, len(x) - 1, min(len(x), MOST_POINTS)).round().astype(int))
    rounded = tuple(float(f"{value:.4g}") for value in y[kept])
    return Trace(tuple(int(value) for value in x[kept]), rounded, float(y[-1] / y[0]))
