"""Loss traces as arrays, and the share of the initial loss that is left."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray


@dataclass(frozen=True)
class TraceArrays:
    """The traces of several rows, one after the other.

    Attributes:
        starts, lengths: of each row, where its points begin, and how many they are (0 without a trace).
        iterations, totals: of each point.
    """

    starts: NDArray[np.int64]
    lengths: NDArray[np.int64]
    iterations: NDArray[np.int32]
    totals: NDArray[np.float64]

    @classmethod
    def of(cls, column: pa.ChunkedArray | pa.ListArray) -> TraceArrays:
        """From a column `loss_trace`, or from one with the fields `iteration` and `total` alone."""
        if isinstance(column, pa.ChunkedArray):
            column = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
        lengths = np.asarray(pc.fill_null(pc.list_value_length(column), 0), np.int64)
        points = column.flatten()
        iterations = points.field("iteration").fill_null(0).to_numpy(zero_copy_only=False).astype(np.int32)
        totals = points.field("total").to_numpy(zero_copy_only=False).astype(np.float64)
        return cls(np.cumsum(lengths) - lengths, lengths, iterations, totals)

    @cached_property
    def usable(self) -> NDArray[np.bool_]:
        """Whether each point's total has a logarithm."""
        return np.isfinite(self.totals) & (self.totals > 0)


def loss_left(traces: TraceArrays) -> NDArray[np.float64]:
    """The share of the initial loss that is left in each row, its last total over its first; NaN where that is unknown.

    Totals that are not finite or not above zero do not count; it takes two others to tell.
    """
    left = np.full(len(traces.lengths), np.nan)
    usable = np.flatnonzero(traces.usable)
    row_of_point = np.repeat(np.arange(len(left)), traces.lengths)[usable]
    rows, first, counts = np.unique(row_of_point, return_index=True, return_counts=True)
    several = counts > 1
    last = first + counts - 1
    left[rows[several]] = traces.totals[usable[last[several]]] / traces.totals[usable[first[several]]]
    return left
