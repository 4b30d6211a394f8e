"""The loss over the iterations of many pairs: mean and quantiles of the share that is left, in bounded memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from nst_core.run_folder.loss_trace import TraceArrays

_LOWEST, _HIGHEST, _PER_DECADE = -8, 4, 100
_BINS = (_HIGHEST - _LOWEST) * _PER_DECADE
_MOST_GROUPS = 64


@dataclass(frozen=True)
class TraceBand:
    """The share of the initial loss that is left at each iteration, over `pairs` pairs.

    Attributes:
        mean: geometric.
        low, high: the 10th and the 90th percentile, to about one part in fifty.
    """

    iterations: tuple[int, ...]
    mean: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    pairs: int


class _Group:
    """Traces with the same iterations: a histogram of the logarithm of the share at each of them."""

    def __init__(self, points: int) -> None:
        self.counts = np.zeros((points, _BINS), np.int32)
        self.sums = np.zeros(points)
        self.pairs = 0

    def add(self, shares: NDArray[np.float64]) -> None:
        logs = np.log10(shares)
        bins = np.clip(((logs - _LOWEST) * _PER_DECADE).astype(np.int64), 0, _BINS - 1)
        for point in range(bins.shape[1]):
            self.counts[point] += np.bincount(bins[:, point], minlength=_BINS).astype(np.int32)
        self.sums += logs.sum(axis=0)
        self.pairs += len(shares)

    def quantile(self, share: float) -> NDArray[np.float64]:
        """A quantile at each iteration; within a bin values count as spread evenly."""
        upto = np.cumsum(self.counts, axis=1)
        wanted = share * self.pairs
        place = (upto < wanted).sum(axis=1)
        rows = np.arange(len(upto))
        inside = self.counts[rows, place]
        before = upto[rows, place] - inside
        found = 10 ** (_LOWEST + (place + (wanted - before) / np.maximum(inside, 1)) / _PER_DECADE)
        found[0] = 1.0  # by definition; the histogram only knows that it is near
        return np.asarray(found)


class Traces:
    """Statistics of traces, added one results file after the other."""

    def __init__(self) -> None:
        self._groups: dict[bytes, _Group] = {}
        self.unusable = 0
        """Traces of successes without a course: a single point, not finite, not above zero, or one too many kinds."""

    def take(self, column: pa.ChunkedArray, status: pa.ChunkedArray) -> None:
        """Count the traces of a file's successes.

        Args:
            column: `loss_trace`, or iterations and totals of it alone.
        """
        traces = TraceArrays.of(column)
        success = np.asarray(pc.equal(status, "success").fill_null(False))
        counted = 0
        for length in np.unique(traces.lengths[success & (traces.lengths > 1)]):
            at = traces.starts[success & (traces.lengths == length), None] + np.arange(length)
            usable = at[traces.usable[at].all(axis=1)]
            if len(usable):
                counted += len(usable)
                self._count(traces.iterations[usable], traces.totals[usable])
        self.unusable += int(success.sum()) - counted

    def _count(self, at: NDArray[np.int32], totals: NDArray[np.float64]) -> None:
        shares = totals / totals[:, :1]
        kinds, kind = np.unique(at, axis=0, return_inverse=True)
        for number, iterations in enumerate(kinds):
            key = iterations.tobytes()
            if key not in self._groups and len(self._groups) >= _MOST_GROUPS:
                continue
            group = self._groups.setdefault(key, _Group(len(iterations)))
            group.add(shares[np.ravel(kind) == number])

    def bands(self) -> list[TraceBand]:
        """The band of each set of iterations, that with the most pairs first."""
        return [
            TraceBand(
                tuple(np.frombuffer(key, np.int32).tolist()),
                tuple((10 ** (group.sums / group.pairs)).tolist()),
                tuple(group.quantile(0.1).tolist()),
                tuple(group.quantile(0.9).tolist()),
                group.pairs,
            )
            for key, group in sorted(self._groups.items(), key=lambda one: -one[1].pairs)
        ]
