"""Optimisers that run B independent problems in lockstep: curvature, step lengths and resets per image.

One interface: `step(points, gradients) -> points`, all (B, P). Nothing here looks at a value on the host, so a GPU is
never waited for; each row's iterates are those that the row would make alone.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from nst_core.engine.recipe import OptimiserSettings

CURVATURE_FLOOR = 1e-10
"""A pair with yᵀs at or below this is not remembered, as in `torch.optim.LBFGS`."""


class BatchOptimiser(Protocol):
    """Moves a batch of points by their gradients."""

    def step(self, points: Tensor, gradients: Tensor) -> Tensor:
        """The next points, (B, P), from the present ones and the gradients there."""

    def reset(self, rows: Tensor, caution: float) -> None:
        """Forget what was learnt about the rows where `rows`, (B,) bool, is true; multiply their rate by `caution`."""


def build_optimiser(settings: OptimiserSettings, points: Tensor) -> BatchOptimiser:
    """The optimiser that a recipe names, for points (B, P)."""
    if settings.name == "adam":
        return Adam(points, settings.learning_rate)
    return LBFGS(points, settings.learning_rate, settings.history)


class LBFGS:
    """Limited-memory BFGS without line search, the iterates of `torch.optim.LBFGS` (tolerances 0) row by row.

    The two-loop recursion is run on coefficients instead of vectors (Chen, Wang, Zhou 2014, "Large-scale L-BFGS using
    MapReduce"): all inner products of the new vectors with the history come from one batched product, the recursion
    itself then costs O(history²) scalars per row, and the direction is one more batched product. Slots of the history
    are per row, so that a row which skips an update does not disturb the age of its own or anyone else's pairs.

    Args:
        points: (B, P), for shape, dtype and device.
        learning_rate: step length after the first step, which is min(1, 1 / |g|₁) times as long.
        history: curvature pairs kept per row.
    """

    def __init__(self, points: Tensor, learning_rate: float = 1.0, history: int = 10) -> None:
        batch, size = points.shape
        self.history = history
        self.rate = points.new_full((batch,), learning_rate)
        self.differences = points.new_zeros(batch, 2 * history, size)  # s in slots 0..m-1, y in m..2m-1
        self.products = torch.zeros(batch, 2 * history, 2 * history, dtype=torch.float64, device=points.device)
        self.count = torch.zeros(batch, dtype=torch.long, device=points.device)  # pairs ever remembered
        self.fresh = torch.ones(batch, dtype=torch.bool, device=points.device)  # no step made yet
        self.previous_gradients = torch.zeros_like(points)
        self.moved = torch.zeros_like(points)
        self._rows = torch.arange(batch, device=points.device)

    def step(self, points: Tensor, gradients: Tensor) -> Tensor:
        self._remember(gradients)
        direction = self._direction(gradients)
        first = (1 / gradients.abs().sum(dim=1).clamp_min(1e-30)).clamp_max(1.0)
        length = torch.where(self.fresh, first, torch.ones_like(first)) * self.rate
        self.moved = length[:, None] * direction
        self.previous_gradients = gradients.clone()
        self.fresh = torch.zeros_like(self.fresh)
        return points + self.moved

    def reset(self, rows: Tensor, caution: float) -> None:
        self.rate = torch.where(rows, self.rate * caution, self.rate)
        self.count = self.count.masked_fill(rows, 0)
        self.fresh = self.fresh | rows
        keep = ~rows
        self.differences = torch.where(keep[:, None, None], self.differences, 0.0)
        self.products = torch.where(keep[:, None, None], self.products, 0.0)
        self.moved = torch.where(keep[:, None], self.moved, 0.0)
        self.previous_gradients = torch.where(keep[:, None], self.previous_gradients, 0.0)

    def _remember(self, gradients: Tensor) -> None:
        """Put the pair (s, y) of the last step into each row's oldest slot, where its curvature is positive."""
        change = gradients - self.previous_gradients
        curvature = _dot(change, self.moved)
        accept = (curvature > CURVATURE_FLOOR) & ~self.fresh
        slot = self.count % self.history
        for offset, vector in ((0, self.moved), (self.history, change)):
            old = self.differences[self._rows, slot + offset]
            self.differences[self._rows, slot + offset] = torch.where(accept[:, None], vector, old)
        self.count = self.count + accept
        new = self.differences[self._rows[:, None], torch.stack([slot, slot + self.history], dim=1)]  # (B, 2, P)
        products = torch.einsum("bip,bjp->bij", new, self.differences).double()  # (B, 2, 2m)
        for index, offset in ((0, 0), (1, self.history)):
            self.products[self._rows, slot + offset, :] = products[:, index]
            self.products[self._rows, :, slot + offset] = products[:, index]

    def _direction(self, gradients: Tensor) -> Tensor:
        """−H·g as a combination of the history and the gradient, (B, P)."""
        on_gradient = torch.einsum("bjp,bp->bj", self.differences, gradients).double()  # (B, 2m)
        coefficients, scale = self._two_loop(on_gradient)
        direction = torch.einsum("bj,bjp->bp", coefficients.to(gradients.dtype), self.differences)
        return direction - scale.to(gradients.dtype)[:, None] * gradients

    def _two_loop(self, on_gradient: Tensor) -> tuple[Tensor, Tensor]:
        """The recursion on inner products: coefficients of the history, (B, 2m), and minus that of the gradient, (B,).

        At any time the vector q is `coefficients · history + weight · g`; slots not yet filled have weight 0.
        """
        rows, m = self._rows, self.history
        coefficients = torch.zeros_like(on_gradient)
        weight = -torch.ones_like(on_gradient[:, 0])
        used = self.count.clamp_max(m)
        ages = [(self.count - 1 - age) % m for age in range(m)]  # slot by age, newest first, per row
        alphas = []
        for age, slot in enumerate(ages):
            inverse = torch.where(age < used, 1 / self._curvature(slot), 0.0)
            inner = (coefficients * self.products[rows, slot]).sum(dim=1) + weight * on_gradient[rows, slot]
            alpha = inner * inverse
            coefficients[rows, slot + m] -= alpha
            alphas.append((alpha, inverse))
        newest = ages[0]
        energy = self.products[rows, newest + m, newest + m]
        scale = torch.where(used > 0, self._curvature(newest) / energy.clamp_min(1e-300), 1.0)
        coefficients, weight = coefficients * scale[:, None], weight * scale
        for slot, (alpha, inverse) in zip(reversed(ages), reversed(alphas), strict=True):
            inner = (coefficients * self.products[rows, slot + m]).sum(dim=1) + weight * on_gradient[rows, slot + m]
            coefficients[rows, slot] += alpha - inner * inverse
        return coefficients, -weight

    def _curvature(self, slot: Tensor) -> Tensor:
        """yᵀs of each row's pair in `slot`, (B,); 1 where there is none, so that dividing by it is harmless."""
        value = self.products[self._rows, slot, slot + self.history]
        return torch.where(value == 0, 1.0, value)


class Adam:
    """Adam (Kingma and Ba 2015) on each row by itself; the same iterates as `torch.optim.Adam` on the row alone."""

    def __init__(self, points: Tensor, learning_rate: float, betas: tuple[float, float] = (0.9, 0.999)) -> None:
        self.rate = points.new_full((len(points), 1), learning_rate)
        self.betas = betas
        self.steps = torch.zeros(len(points), 1, dtype=torch.float64, device=points.device)
        self.mean = torch.zeros_like(points)
        self.variance = torch.zeros_like(points)

    def step(self, points: Tensor, gradients: Tensor) -> Tensor:
        first, second = self.betas
        self.steps = self.steps + 1
        self.mean = self.mean.lerp(gradients, 1 - first)
        self.variance = self.variance * second + gradients.square() * (1 - second)
        mean_bias = (1 - first**self.steps).to(points.dtype)
        variance_bias = (1 - second**self.steps).to(points.dtype)
        return points - self.rate / mean_bias * self.mean / ((self.variance / variance_bias).sqrt() + 1e-8)

    def reset(self, rows: Tensor, caution: float) -> None:
        column = rows[:, None]
        self.rate = torch.where(column, self.rate * caution, self.rate)
        self.steps = torch.where(column, 0.0, self.steps)
        self.mean = torch.where(column, 0.0, self.mean)
        self.variance = torch.where(column, 0.0, self.variance)


def _dot(a: Tensor, b: Tensor) -> Tensor:
    return torch.einsum("bp,bp->b", a, b)
