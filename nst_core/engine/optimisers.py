"""Optimisers that run B independent problems in lockstep: curvature, step lengths and resets per image.

One interface: `step(points, gradients, losses) -> points`, losses (B,), the others (B, P). No value is read on the
host, so there is no wait for a GPU; each row's iterates are those that the row would make alone.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from typing import Literal, Protocol

import torch
from torch import Tensor

from nst_core.engine.optimiser_settings import OptimiserSettings

CURVATURE_FLOOR = 1e-10
"""A pair with yᵀs at or below this is not kept, as in `torch.optim.LBFGS`."""


OVERSHOOT = 4.0
"""A step of L-BFGS after which a loss is this many times what it was has gone too far, and is taken back."""

BACKTRACK = 0.25
"""The length of the next step from there, relative to the one that was taken back."""


Resample = Callable[[Tensor, Literal["bicubic", "bilinear"]], Tensor]
"""Points (B, P) of one image size to points of another, interpolated as said."""


class BatchOptimiser(Protocol):
    """Moves a batch of points by their gradients."""

    def step(self, points: Tensor, gradients: Tensor, losses: Tensor) -> Tensor:
        """The next points, (B, P), from the present ones, the gradients there, and the losses there, (B,)."""

    def reset(self, rows: Tensor, rate_factor: float) -> None:
        """Clear the state of the rows where `rows`, (B,) bool, is true; multiply their rate by `rate_factor`."""

    def resampled(self, resample: Resample) -> BatchOptimiser | None:
        """The optimiser for the same images at another size, its state resampled; None where a new one does better."""


def build_optimiser(settings: OptimiserSettings, points: Tensor) -> BatchOptimiser:
    """The optimiser that a recipe names, for points (B, P)."""
    if settings.name == "adam":
        return Adam(points, settings.learning_rate)
    if settings.name == "rmsprop":
        return RMSprop(points, settings.learning_rate)
    if settings.name == "gradient_descent":
        return GradientDescent(points, settings.learning_rate, settings.rate)
    return LBFGS(points, settings.learning_rate, settings.history)


class LBFGS:
    """Limited-memory BFGS without line search, the iterates of `torch.optim.LBFGS` (tolerances 0) row by row.

    One case differs, in which torch's iterates are lost: a step that made the loss (which must not be negative)
    `OVERSHOOT` times as large is taken back and repeated in the same direction at `BACKTRACK` of its length. Kept, its
    curvature would shrink all later steps to nothing.

    The two-loop recursion in its matrix form (Byrd, Nocedal, Schnabel 1994, "Representations of quasi-Newton matrices",
    eq. 3.1): the inner products of the newest change and of the gradient with the whole history come from one batched
    product, two small triangular solves replace the recursion, and the direction is one more batched product. Slots of
    the history are per row, so that a row which skips an update does not disturb the age of its own or anyone else's
    pairs.

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
        self.steps_by_changes = points.new_zeros(batch, history, history, dtype=torch.float64)  # [j, i] is yⱼᵀsᵢ
        self.changes_by_changes = torch.zeros_like(self.steps_by_changes)  # [j, i] is yⱼᵀyᵢ
        self.count = torch.zeros(batch, dtype=torch.long, device=points.device)  # pairs ever kept
        self.fresh = torch.ones(batch, dtype=torch.bool, device=points.device)  # no step made yet
        self.previous_gradients = torch.zeros_like(points)
        self.moved = torch.zeros_like(points)
        self.accepted_losses = points.new_full((batch,), torch.inf)
        self._rows = torch.arange(batch, device=points.device)
        self._ages = torch.arange(history, device=points.device)

    def step(self, points: Tensor, gradients: Tensor, losses: Tensor) -> Tensor:
        overshot = ~(losses <= OVERSHOOT * self.accepted_losses) & ~self.fresh
        on_gradient = self._update_history(gradients, overshot)
        direction = self._direction(gradients, on_gradient)
        first = (1 / gradients.abs().sum(dim=1).clamp_min(1e-30)).clamp_max(1.0)
        length = torch.where(self.fresh, first, 1.0) * self.rate
        again = overshot[:, None]
        points = torch.where(again, points - self.moved, points)
        self.moved = torch.where(again, BACKTRACK * self.moved, direction.mul_(length[:, None]))
        self.previous_gradients = torch.where(again, self.previous_gradients, gradients)
        self.accepted_losses = torch.where(overshot, self.accepted_losses, losses)
        self.fresh = torch.zeros_like(self.fresh)
        return points + self.moved

    def reset(self, rows: Tensor, rate_factor: float) -> None:
        self.rate = torch.where(rows, self.rate * rate_factor, self.rate)
        self.fresh = self.fresh | rows
        self.count.masked_fill_(rows, 0)
        for state in (self.moved, self.previous_gradients):
            state.masked_fill_(rows[:, None], 0)
        for state in (self.differences, self.steps_by_changes, self.changes_by_changes):
            state.masked_fill_(rows[:, None, None], 0)

    def resampled(self, resample: Resample) -> None:
        """None: curvature belongs to the objective of its own size."""

    def _update_history(self, gradients: Tensor, overshot: Tensor) -> Tensor:
        """Put the pair (s, y) of the last step into each row's oldest slot, where its curvature is positive.

        Not where the step has overshot, (B,) bool.

        Returns the inner products of the history with the gradient, (B, 2m).
        """
        change = gradients - self.previous_gradients
        accept = (torch.einsum("bp,bp->b", change, self.moved) > CURVATURE_FLOOR) & ~self.fresh & ~overshot
        slot = self.count % self.history
        for offset, vector in ((0, self.moved), (self.history, change)):
            old = self.differences[self._rows, slot + offset]
            self.differences[self._rows, slot + offset] = torch.where(accept[:, None], vector, old)
        self.count += accept
        on_change, on_gradient = (
            (torch.stack([change, gradients], dim=1) @ self.differences.transpose(1, 2)).double().unbind(dim=1)
        )
        on_steps, on_changes = on_change.chunk(2, dim=1)
        self._set_products(self.steps_by_changes, slot, on_steps, accept)
        self._set_products(self.changes_by_changes, slot, on_changes, accept)
        self._set_products(self.changes_by_changes.transpose(1, 2), slot, on_changes, accept)
        return on_gradient

    def _set_products(self, products: Tensor, slot: Tensor, values: Tensor, accept: Tensor) -> None:
        products[self._rows, slot] = torch.where(accept[:, None], values, products[self._rows, slot])

    def _direction(self, gradients: Tensor, on_gradient: Tensor) -> Tensor:
        """−H·g = −γ·g − S·v + γ·Y·u, (B, P), where R·u = Sᵀg and Rᵀ·v = (D + γ·YᵀY)·u − γ·Yᵀg.

        R is the upper triangle of SᵀY with the oldest pair first, D its diagonal, γ = sᵀy / yᵀy of the newest pair.
        """
        slots = (self.count[:, None] + self._ages) % self.history  # oldest first; those not yet filled before them
        table = (self._rows[:, None, None], slots[:, :, None], slots[:, None, :])
        lower, energies = self.steps_by_changes[table].tril(), self.changes_by_changes[table]
        curvatures = lower.diagonal(dim1=1, dim2=2)
        lower = lower + torch.diag_embed((curvatures == 0).double())  # so that empty slots can be divided by
        gamma = torch.where(self.count > 0, curvatures[:, -1] / energies[:, -1, -1], 1.0)[:, None]
        on_steps, on_changes = (part.gather(1, slots) for part in on_gradient.chunk(2, dim=1))
        u = _solve_triangular(lower.transpose(1, 2), on_steps, upper=True)
        right = curvatures * u + gamma * (torch.einsum("bij,bj->bi", energies, u) - on_changes)
        v = _solve_triangular(lower, right, upper=False)
        coefficients = torch.zeros_like(on_gradient)
        coefficients.scatter_(1, slots, -v).scatter_(1, slots + self.history, gamma * u)
        direction = torch.einsum("bj,bjp->bp", coefficients.to(gradients.dtype), self.differences)
        return direction.sub_(gamma.to(gradients.dtype) * gradients)


def _solve_triangular(triangle: Tensor, right: Tensor, upper: bool) -> Tensor:
    """x with `triangle · x = right`: (B, m, m), (B, m) -> (B, m)."""
    x: Tensor = torch.linalg.solve_triangular(triangle, right[:, :, None], upper=upper)
    return x.squeeze(2)


class Adam:
    """Adam (Kingma and Ba 2015) on each row by itself; the same iterates as `torch.optim.Adam` on the row alone."""

    def __init__(self, points: Tensor, learning_rate: float, betas: tuple[float, float] = (0.9, 0.999)) -> None:
        self.rate = points.new_full((len(points), 1), learning_rate)
        self.betas = betas
        self.steps = torch.zeros(len(points), 1, dtype=torch.float64, device=points.device)
        self.mean = torch.zeros_like(points)
        self.variance = torch.zeros_like(points)

    def step(self, points: Tensor, gradients: Tensor, losses: Tensor) -> Tensor:
        first, second = self.betas
        self.steps = self.steps + 1
        self.mean = self.mean.lerp(gradients, 1 - first)
        self.variance = self.variance * second + gradients.square() * (1 - second)
        mean_bias = (1 - first**self.steps).to(points.dtype)
        variance_bias = (1 - second**self.steps).to(points.dtype)
        return points - self.rate / mean_bias * self.mean / ((self.variance / variance_bias).sqrt() + 1e-8)

    def reset(self, rows: Tensor, rate_factor: float) -> None:
        column = rows[:, None]
        self.rate = torch.where(column, self.rate * rate_factor, self.rate)
        self.steps = torch.where(column, 0.0, self.steps)
        self.mean = torch.where(column, 0.0, self.mean)
        self.variance = torch.where(column, 0.0, self.variance)

    def resampled(self, resample: Resample) -> Adam:
        """With both moments resized, and the number of steps kept."""
        other = copy(self)
        other.mean, other.variance = resample(self.mean, "bicubic"), resample(self.variance, "bilinear").clamp_min(0)
        return other


class RMSprop:
    """RMSprop (Tieleman and Hinton 2012) on each row by itself; the same iterates as `torch.optim.RMSprop`."""

    def __init__(self, points: Tensor, learning_rate: float, decay: float = 0.99) -> None:
        self.rate = points.new_full((len(points), 1), learning_rate)
        self.decay = decay
        self.variance = torch.zeros_like(points)

    def step(self, points: Tensor, gradients: Tensor, losses: Tensor) -> Tensor:
        self.variance = self.variance * self.decay + gradients.square() * (1 - self.decay)
        return points - self.rate * gradients / (self.variance.sqrt() + 1e-8)

    def reset(self, rows: Tensor, rate_factor: float) -> None:
        column = rows[:, None]
        self.rate = torch.where(column, self.rate * rate_factor, self.rate)
        self.variance = torch.where(column, 0.0, self.variance)

    def resampled(self, resample: Resample) -> RMSprop:
        """With the mean square resized."""
        other = copy(self)
        other.variance = resample(self.variance, "bilinear").clamp_min(0)
        return other


class GradientDescent:
    """Plain gradient descent, `x − rate · g`, each row at a rate of its own.

    Args:
        rate: `absolute`: all rows at `learning_rate`, always. `first_step`: each row's rate is such that its first step
            moves no value by more than `learning_rate`. A step that went too far, which shows in a gradient that points
            against the one before, is undone and repeated at half the rate, for good. A row whose first gradient
            is zero stays where it is. `adaptive`: the same, and each step that did not go too far raises the rate by a
            tenth (the "bold driver" of Battiti 1989, Accelerated backpropagation learning).
    """

    GROWTH = 1.1

    def __init__(self, points: Tensor, learning_rate: float, rate: str = "absolute") -> None:
        self.learning_rate = points.new_full((len(points),), learning_rate)
        self.relative = rate != "absolute"
        self.growth = self.GROWTH if rate == "adaptive" else 1.0
        self.fresh = torch.ones(len(points), dtype=torch.bool, device=points.device)
        self.rate = torch.zeros_like(self.learning_rate) if self.relative else self.learning_rate
        self.previous_gradients: Tensor | None = None

    def step(self, points: Tensor, gradients: Tensor, losses: Tensor) -> Tensor:
        if self.relative:
            points, gradients = self._corrected(points, gradients)
        return points - self.rate[:, None] * gradients

    def _corrected(self, points: Tensor, gradients: Tensor) -> tuple[Tensor, Tensor]:
        """The points to step from and the gradients there: those before the last step, where it went too far."""
        before = gradients if self.previous_gradients is None else self.previous_gradients
        turned = ((torch.einsum("bp,bp->b", gradients, before) < 0) & ~self.fresh)[:, None]
        points = torch.where(turned, points + self.rate[:, None] * before, points)
        gradients = torch.where(turned, before, gradients)
        self.rate = torch.where(turned[:, 0], self.rate / 2, self.rate * self.growth)
        largest = gradients.abs().amax(dim=1)
        first = torch.where(largest > 0, self.learning_rate / largest.clamp_min(1e-30), 0.0)
        self.rate = torch.where(self.fresh, first, self.rate)
        self.fresh = torch.zeros_like(self.fresh)
        self.previous_gradients = gradients.clone()
        return points, gradients

    def reset(self, rows: Tensor, rate_factor: float) -> None:
        self.learning_rate = torch.where(rows, self.learning_rate * rate_factor, self.learning_rate)
        self.rate = torch.where(rows, self.learning_rate, self.rate)
        self.fresh = self.fresh | rows

    def resampled(self, resample: Resample) -> None:
        """None: the rate belongs to the gradients of its own size."""
