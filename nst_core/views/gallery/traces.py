"""Loss traces, reduced to what a curve on a screen can show."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from nst_core.run_folder.loss_trace import TraceArrays

MOST_POINTS = 40


@dataclass(frozen=True)
class Trace:
    """A curve of total loss over iterations: finite and positive, as its scale is logarithmic; at least two points."""

    iterations: tuple[int, ...]
    totals: tuple[float, ...]


def reduced_traces(column: pa.ChunkedArray) -> Iterator[Trace | None]:
    """The `loss_trace` of each row, in at most `MOST_POINTS` points of four digits; None where there is no curve."""
    traces = TraceArrays.of(column)
    for start, length in zip(traces.starts.tolist(), traces.lengths.tolist(), strict=True):
        points = slice(start, start + length)
        usable = traces.usable[points]
        yield reduced(traces.iterations[points][usable], traces.totals[points][usable])


def reduced(x: np.ndarray, y: np.ndarray) -> Trace | None:
    """One trace of usable points, of which the first and the last are kept."""
    if len(x) < 2 or x[0] == x[-1]:
        return None
    kept = np.unique(np.linspace(0, len(x) - 1, min(len(x), MOST_POINTS)).round().astype(int))
    return Trace(tuple(int(value) for value in x[kept]), tuple(float(f"{value:.4g}") for value in y[kept]))
