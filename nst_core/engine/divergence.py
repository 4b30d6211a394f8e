"""Which pairs of a batch have diverged, and which of those are started again."""

from __future__ import annotations

import torch
from torch import Tensor

DIVERGED = 1e3
"""A total this many times that of the initial image and that of empty feature maps counts as diverged, like one that is
not finite. (The initial image alone is no measure: it may be perfect already.)"""

GUARD_EVERY = 10
"""Evaluations between two looks for divergence: fixed, because it decides pixels, as `report_every` must not."""

CAUTION = 0.25
"""The rate of a pair that is started again after it diverged, relative to the recipe's."""


class DivergenceGuard:
    """Decides, where the host looks in, which rows to start again and which are lost.

    Args:
        scale: what is a large total of each row, (B,).
    """

    def __init__(self, scale: Tensor) -> None:
        self.scale = scale
        self.limit: Tensor | None = None
        self.restarted = torch.zeros_like(scale, dtype=torch.bool)

    def look(self, total: Tensor) -> Tensor | None:
        """Rows to start again, (B,) bool, or None. A row is started again at most once; the first look is the start."""
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
        """(B,) bool. A row that was not finite at the start has a limit, -1, that no total keeps."""
        within = total <= (self.scale if self.limit is None else self.limit)
        return ~(total.isfinite() & within)
