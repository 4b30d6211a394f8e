"""The optimisation in one stage: the loop over evaluations, steps, checks for divergence and reports."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from nst_core.engine.averaging import IterateAverage
from nst_core.engine.batch import Trace
from nst_core.engine.divergence import CHECK_EVERY, RESTART_RATE, DivergenceGuard
from nst_core.engine.evaluation import Evaluate
from nst_core.engine.objective import LossTerms, Objective
from nst_core.engine.optimisers import OVERSHOOT, BatchOptimiser
from nst_core.engine.parametrisation import PixelParametrisation
from nst_core.engine.stages import Stage
from nst_core.engine.watch import Watch


@dataclass(frozen=True)
class Reports:
    """What the loop tells on its way, evaluations counted over all stages.

    Attributes:
        stage: with the number of evaluations before it.
        stride: evaluations between two points of the trace; None: it has none of this stage.
        preview: called with the evaluation and the images at this scale, (B, 3, h, w) in [0, 1], where one is due.
    """

    watch: Watch
    stage: Stage
    stride: int | None
    preview: Callable[[int, Tensor], None]

    @torch.no_grad()
    def send(
        self, evaluation: int, losses: Tensor, parametrisation: PixelParametrisation, points: Tensor, trace: Trace
    ) -> None:
        """Note the losses, (4, B), report progress, and show a preview, where they are due."""
        if self.stride and evaluation % self.stride == 0:
            trace.append((evaluation, losses.clone()))
        self.watch.report(evaluation, losses[-1])
        if self.watch.preview and self.watch.preview_every and evaluation % self.watch.preview_every == 0:
            self.preview(evaluation, parametrisation.image(points).clamp(0, 1))


@dataclass(frozen=True)
class Descent:
    """Where the loop has ended.

    Attributes:
        points: (B, P), to deliver: after the last step, or the average of all; nobody has seen their losses.
        before: the points of the last evaluation, whose totals, (B,), are `totals_before`.
        diverged: (B,) bool.
    """

    points: Tensor
    before: Tensor
    totals_before: Tensor
    trace: Trace
    diverged: Tensor


def descend(
    evaluate: Evaluate,
    objective: Objective,
    parametrisation: PixelParametrisation,
    optimiser: BatchOptimiser,
    reports: Reports,
) -> Descent:
    """Run the loop from the parametrisation's start. A row that diverges is restarted once, at a lower rate.

    Raises:
        Interrupted, ChunkTimeout: as the watch asks.
    """
    points = parametrisation.points()
    guard = DivergenceGuard(objective.scale())
    decay = objective.recipe.average
    average = IterateAverage(points, decay) if decay else None
    trace: Trace = []
    before = points
    for count in range(reports.stage.evaluations):
        evaluation = reports.stage.first + count
        reports.watch.poll(evaluation)
        objective.draw(evaluation)
        losses, gradients = evaluate(points)
        if count % CHECK_EVERY == 0:
            restart = guard.check(losses[-1])
            if restart is not None:
                points, losses, gradients = _restart(restart, evaluate, optimiser, points, losses, gradients)
                if average:
                    average.reset(restart, points)
        reports.send(evaluation, losses, parametrisation, points, trace)
        before, points = points, optimiser.step(points, gradients, losses[-1])
        if average:
            average.update(points)
    # By the image before clamping: the clamped one always has a moderate loss.
    diverged = guard.diverged(losses[-1])
    return Descent(average.value() if average else points, before, losses[-1], trace, diverged)


@torch.no_grad()
def delivered(objective: Objective, parametrisation: PixelParametrisation, ends: Descent) -> tuple[Tensor, LossTerms]:
    """The images to deliver, (B, 3, H, W) in [0, 1], and their losses: those before the last step where it overshot."""
    images = parametrisation.image(ends.points).clamp(0, 1)
    losses = objective.terms(images)
    overshot = ~(losses.total <= OVERSHOOT * ends.totals_before) & ends.totals_before.isfinite()
    if not bool(overshot.any()):
        return images, losses
    images = torch.where(overshot[:, None, None, None], parametrisation.image(ends.before).clamp(0, 1), images)
    return images, objective.terms(images)


def _restart(
    rows: Tensor, evaluate: Evaluate, optimiser: BatchOptimiser, points: Tensor, losses: Tensor, gradients: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Put `rows` back at the start: points, losses and gradients, those of the other rows bit for bit unchanged."""
    points = torch.where(rows[:, None], 0.0, points)
    optimiser.reset(rows, RESTART_RATE)
    losses, gradients = losses.clone(), gradients.clone()  # the next evaluation may overwrite them
    losses_anew, gradients_anew = evaluate(points)
    return points, torch.where(rows, losses_anew, losses), torch.where(rows[:, None], gradients_anew, gradients)
