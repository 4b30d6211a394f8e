"""How a number is spread over the pairs of each artist, method or device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_FEW = 40


@dataclass(frozen=True)
class Spread:
    """One group: its quantiles (of 5, 25, 50, 75 and 95 %), and where they are few, all of its values."""

    name: str
    count: int
    low: float
    lower: float
    median: float
    upper: float
    high: float
    values: tuple[float, ...] = ()

    @property
    def quantiles(self) -> tuple[float, float, float, float, float]:
        return self.low, self.lower, self.median, self.upper, self.high


def spread(name: str, values: NDArray[np.float64]) -> Spread | None:
    """The spread of the finite ones; None where there are none."""
    values = values[np.isfinite(values)]
    if not len(values):
        return None
    few = tuple(np.sort(values).tolist()) if len(values) <= _FEW else ()
    low, lower, median, upper, high = np.quantile(values, _QUANTILES).tolist()
    return Spread(name, len(values), low, lower, median, upper, high, few)


def spreads(values: NDArray[np.float64], codes: NDArray[Any], names: Sequence[str]) -> tuple[Spread, ...]:
    """One for each name that has values, the lowest median first.

    Args:
        values: one per row; what is not finite is left out.
        codes: for each row the place of its name.
    """
    usable = np.isfinite(values)
    values, codes = values[usable], codes[usable]
    order = np.argsort(codes, kind="stable")
    values, bounds = values[order], np.searchsorted(codes[order], np.arange(len(names) + 1))
    parts = (spread(name, values[bounds[n] : bounds[n + 1]]) for n, name in enumerate(names))
    return tuple(sorted((part for part in parts if part), key=lambda part: (part.median, part.name)))
