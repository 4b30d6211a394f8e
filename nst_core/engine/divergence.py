"""Detection of pairs that have diverged, and the choice of those to restart."""

from __future__ import annotations

import torch
from torch import Tensor

DIVERGED = 1e3
"""A total this many times that of the initial image, and that of zero feature maps, counts as diverged, like one that
is not finite. (The initial image alone is no measure: it may be perfect already.)"""

CHECK_EVERY = 10
"""Evaluations between two checks: fixed, because it decides pixels, as `report_every` must not."""

RESTART_RATE = 0.25
"""The learning rate of a restarted pair, relative to the recipe's."""


class DivergenceGuard:
    """Decides at each check which rows to restart, and in the end which have diverged.

    Args:
        scale: a large total of each row, (B,).
    """

    def __init__(self, scale: Tensor) -> None:
        self.scale = scale
        self.limit: Tensor | None = None
        self.restarted = torch.zeros_like(scale, dtype=torch.bool)

    def check(self, total: Tensor) -> Tensor | None:
        """The rows to restart, (B,) bool, or None; each at most once. The first call is for the initial images."""
        if self.limit is None:
            limit = DIVERGED * torch.maximum(total, self.scale)
            self.limit = torch.where(limit.isfinite(), limit, -1.0)
            return None
        rows = self.diverged(total) & ~self.restarted
        if not bool(rows.any()):
            return None
        self.restarted = self.restarted | rows
        return rows

    def diverged(self, total: Tensor) -> Tensor:
        """The rows that have diverged, (B,) bool. A row that was not finite at the start has the limit -1: always."""
        within = total <= (self.scale if self.limit is None else self.limit)
        return ~(total.isfinite() & within)
