"""Quantiles of a number over the pairs of each artist, method or run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_FEW = 40


@dataclass(frozen=True)
class Quantiles:
    """The 5, 25, 50, 75 and 95 % quantiles of a group of `count` values; `values` holds all of them if they are few."""

    name: str
    count: int
    low: float
    lower: float
    median: float
    upper: float
    high: float
    values: tuple[float, ...] = ()

    @property
    def in_order(self) -> tuple[float, float, float, float, float]:
        return self.low, self.lower, self.median, self.upper, self.high


def quantiles(name: str, values: NDArray[np.float64]) -> Quantiles | None:
    """The quantiles of the finite values; None where there are none."""
    values = values[np.isfinite(values)]
    if not len(values):
        return None
    few = tuple(np.sort(values).tolist()) if len(values) <= _FEW else ()
    low, lower, median, upper, high = np.quantile(values, _QUANTILES).tolist()
    return Quantiles(name, len(values), low, lower, median, upper, high, few)


def quantiles_by_name(values: NDArray[np.float64], codes: NDArray[Any], names: Sequence[str]) -> tuple[Quantiles, ...]:
    """The quantiles of each name that has values, the lowest median first.

    Args:
        values: one per row; what is not finite is left out.
        codes: for each row the index of its name.
    """
    usable = np.isfinite(values)
    values, codes = values[usable], codes[usable]
    order = np.argsort(codes, kind="stable")
    values, bounds = values[order], np.searchsorted(codes[order], np.arange(len(names) + 1))
    parts = (quantiles(name, values[bounds[n] : bounds[n + 1]]) for n, name in enumerate(names))
    return tuple(sorted((part for part in parts if part), key=lambda part: (part.median, part.name)))
