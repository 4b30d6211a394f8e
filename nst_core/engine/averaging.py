"""The moving average of an optimisation's iterates."""

from __future__ import annotations

import torch
from torch import Tensor


class IterateAverage:
    """The exponential moving average of points (B, P), corrected for its start as Adam's (Kingma and Ba 2015).

    After the points x₀ … xₙ it is Σ dⁿ⁻ᵏ xₖ / Σ dⁿ⁻ᵏ. Since images depend on points linearly, it is the average of the
    images too.

    Args:
        points: x₀.
        decay: d, at least 0 and below 1.
    """

    def __init__(self, points: Tensor, decay: float) -> None:
        self.decay = decay
        self.sum = points.clone()
        self.mass = points.new_ones(len(points), 1)

    def update(self, points: Tensor) -> None:
        """Take the next points in."""
        self.sum = self.decay * self.sum + points
        self.mass = self.decay * self.mass + 1

    def reset(self, rows: Tensor, points: Tensor) -> None:
        """Begin anew at `points` in the rows where `rows`, (B,) bool, is true."""
        self.sum = torch.where(rows[:, None], points, self.sum)
        self.mass = torch.where(rows[:, None], 1.0, self.mass)

    def value(self) -> Tensor:
        """The average, (B, P)."""
        return self.sum / self.mass
