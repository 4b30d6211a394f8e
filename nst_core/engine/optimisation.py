"""The optimisation itself: a batch of pairs of one shape in, images and loss traces out."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from nst_core.engine.features.base import Extractor
from nst_core.engine.objective import LossTerms, Objective, StyleTarget
from nst_core.engine.optimisers import build_optimiser
from nst_core.engine.parametrisation import PARAMETRISATIONS, Parametrisation
from nst_core.engine.recipe import Recipe
from nst_core.errors import Interrupted, TransientError

TRACE_POINTS = 100
"""A loss trace holds about this many points at most."""

DIVERGED = 1e3
"""A total this many times that of the initial image and that of empty feature maps counts as diverged, like one that is
not finite. (The initial image alone is no measure: it may be perfect already.)"""

GUARD_EVERY = 10
"""Evaluations between two looks for divergence: fixed, because it decides pixels, as `report_every` must not."""

CAUTION = 0.25
"""The rate of a pair that is started again after it diverged, relative to the recipe's."""


_Trace = list[tuple[int, Tensor]]  # steps made, and the losses there as `LossTerms.stacked` gives them


@dataclass(frozen=True)
class Pairs:
    """A batch of B pairs that share one image shape.

    Attributes:
        contents: (B, 3, H, W) sRGB in [0, 1], at the size to optimise.
        targets: the style target of each pair.
        seeds: of each pair, for starts from noise.
        alpha, beta: per-pair weights in place of the recipe's, or None.
    """

    contents: Tensor
    targets: Sequence[StyleTarget]
    seeds: Sequence[int]
    alpha: Sequence[float] | None = None
    beta: Sequence[float] | None = None


@dataclass(frozen=True)
class LossPoint:
    """The losses of one image after `iteration` steps; 0 is the initial image."""

    iteration: int
    content: float
    style: float
    tv: float
    total: float


@dataclass(frozen=True)
class Stylized:
    """What became of a batch.

    Attributes:
        images: (B, 3, H, W) in [0, 1].
        traces: per pair, from the initial image to the delivered (clamped) one.
        failed: per pair, whether it diverged twice; its image and trace are then of no use.
        iterations: steps made.
        evaluations: losses with gradients computed, per pair.
    """

    images: Tensor
    traces: list[list[LossPoint]]
    failed: list[bool]
    iterations: int
    evaluations: int


@dataclass(frozen=True)
class Watch:
    """How the outside looks in, every `report_every` evaluations (the only times that the host waits for the device).

    Attributes:
        progress: called with the evaluations done and the mean total of the batch.
        should_stop: polled; true ends the optimisation with `Interrupted`.
        past_deadline: polled; true ends it with `TransientError`.
    """

    report_every: int = 10
    progress: Callable[[int, float], None] | None = None
    should_stop: Callable[[], bool] | None = None
    past_deadline: Callable[[], bool] | None = None


def stylize_batch(pairs: Pairs, recipe: Recipe, extractor: Extractor, watch: Watch | None = None) -> Stylized:
    """Optimise every image of the batch under `recipe`, whose precision must be resolved (not `auto`).

    A pair that diverges is started again once, more cautiously, while its neighbours go on undisturbed; if it diverges
    again it is reported in `failed`.

    Raises:
        Interrupted: `watch.should_stop` said so.
        TransientError: `watch.past_deadline` said so.
    """
    watch = watch or Watch()
    contents = pairs.contents
    weights = _row_weights(pairs.alpha, contents), _row_weights(pairs.beta, contents)
    objective = Objective(recipe, extractor, contents, pairs.targets, *weights)
    parametrisation = PARAMETRISATIONS[recipe.optimiser.precondition](initial_images(pairs, recipe, objective))
    points, trace, diverged = _optimise(objective, parametrisation, recipe, watch)
    with torch.no_grad():
        images = parametrisation.image(points).clamp(0, 1)
        last = objective.terms(images)
    trace.append((recipe.evaluations, last.stacked()))
    if watch.progress:
        watch.progress(recipe.evaluations, float(last.total.mean()))
    failed: list[bool] = (diverged | ~last.total.isfinite()).tolist()
    return Stylized(images, _read_traces(trace), failed, recipe.evaluations, recipe.evaluations)


def initial_images(pairs: Pairs, recipe: Recipe, objective: Objective) -> Tensor:
    """Where the recipe starts from, (B, 3, H, W); noise is uniform in [0, 1], drawn by each pair's seed."""
    if recipe.start == "noise":
        generators = [torch.Generator().manual_seed(seed) for seed in pairs.seeds]
        noise = [torch.rand(pairs.contents.shape[1:], generator=g, dtype=torch.float32) for g in generators]
        return torch.stack(noise).to(pairs.contents)
    if recipe.start == "colour_matched" and objective.matched is not None:
        return objective.matched
    return pairs.contents.clone()


def _optimise(
    objective: Objective, parametrisation: Parametrisation, recipe: Recipe, watch: Watch
) -> tuple[Tensor, _Trace, Tensor]:
    """The loop: the last points (B, P), the trace so far, and which rows have diverged, (B,) bool."""
    points = torch.zeros_like(parametrisation.start).flatten(1)
    optimiser = build_optimiser(recipe.optimiser, points)
    guard = _DivergenceGuard(objective.scale())
    stride = max(1, math.ceil(recipe.evaluations / TRACE_POINTS))
    trace: _Trace = []
    for evaluation in range(recipe.evaluations):
        terms, gradients = _evaluate(objective, parametrisation, points)
        if evaluation % stride == 0:
            trace.append((evaluation, terms.stacked()))
        if evaluation % GUARD_EVERY == 0:
            restart = guard.look(terms.total)
            if restart is not None:
                points = torch.where(restart[:, None], 0.0, points)
                optimiser.reset(restart, CAUTION)
                _, anew = _evaluate(objective, parametrisation, points)
                gradients = torch.where(restart[:, None], anew, gradients)  # not even rounding touches the others
        if evaluation % watch.report_every == 0:
            _report(watch, evaluation, terms.total)
        points = optimiser.step(points, gradients)
    # Judged by the image as it is: the clamped one always has a moderate loss.
    return points, trace, guard.diverged(terms.total)


def _evaluate(objective: Objective, parametrisation: Parametrisation, points: Tensor) -> tuple[LossTerms, Tensor]:
    """Losses at `points`, and the gradient of each image's own minimised loss."""
    points = points.detach().requires_grad_(True)
    images = parametrisation.image(points)
    terms = objective.terms(images)
    (gradients,) = torch.autograd.grad(objective.minimised(terms, images).sum(), points)
    return LossTerms(*(t.detach() for t in (terms.content, terms.style, terms.tv, terms.total))), gradients


class _DivergenceGuard:
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
            self.limit = DIVERGED * torch.maximum(total, self.scale)
            return None
        rows = self.diverged(total) & ~self.restarted
        if not bool(rows.any()):
            return None
        self.restarted = self.restarted | rows
        return rows

    def diverged(self, total: Tensor) -> Tensor:
        """(B,) bool. A row that was not finite at the start has a limit that no total keeps."""
        within = total <= (self.scale if self.limit is None else self.limit)
        return ~(total.isfinite() & within)


def _report(watch: Watch, evaluation: int, totals: Tensor) -> None:
    if watch.progress:
        watch.progress(evaluation, float(totals.mean()))
    if watch.should_stop and watch.should_stop():
        raise Interrupted
    if watch.past_deadline and watch.past_deadline():
        raise TransientError(f"The deadline passed after {evaluation} evaluations.")


def _read_traces(trace: _Trace) -> list[list[LossPoint]]:
    """Fetch the trace from the device at once: a list of points per image."""
    values = torch.stack([v for _, v in trace]).cpu().tolist()  # (points, 4, B)
    batch = len(values[0][0])
    return [
        [
            LossPoint(iteration, *(term[row] for term in value))
            for (iteration, _), value in zip(trace, values, strict=True)
        ]
        for row in range(batch)
    ]


def _row_weights(values: Sequence[float] | None, like: Tensor) -> Tensor | None:
    return None if values is None else like.new_tensor(values)
