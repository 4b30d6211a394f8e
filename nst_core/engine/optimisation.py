"""The optimisation itself: a batch of pairs of one shape in, images and loss traces out."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from nst_core.engine.colour import greyscale, with_luminance
from nst_core.engine.divergence import CHECK_EVERY, RESTART_RATE, DivergenceGuard
from nst_core.engine.evaluation import Evaluate, Evaluation, build_evaluation
from nst_core.engine.features.base import Extractor
from nst_core.engine.objective import LossTerms, Objective, RegionTargets, StyleTarget, luminance_only
from nst_core.engine.optimisers import OVERSHOOT, BatchOptimiser, build_optimiser
from nst_core.engine.parametrisation import PixelParametrisation, build_parametrisation
from nst_core.engine.recipe import Recipe
from nst_core.engine.regions import region_batch
from nst_core.errors import ChunkTimeout, Interrupted

TRACE_POINTS = 100
"""A loss trace holds about this many points at most."""

_Trace = list[tuple[int, Tensor]]  # number of steps, and the losses there as `LossTerms.stacked` gives them


@dataclass(frozen=True)
class Pairs:
    """A batch of B pairs that share one image shape.

    Attributes:
        contents: (B, 3, H, W) sRGB in [0, 1], at the size to optimise.
        targets: the style target of each pair.
        seeds: seed of each pair, for starts from noise.
        alpha, beta: per-pair weights in place of the recipe's, or None.
        regions: the regions of each pair, None where it has none; empty where no pair has any.
    """

    contents: Tensor
    targets: Sequence[StyleTarget]
    seeds: Sequence[int]
    alpha: Sequence[float] | None = None
    beta: Sequence[float] | None = None
    regions: Sequence[RegionTargets | None] = ()


@dataclass(frozen=True)
class LossPoint:
    """The losses of one image after `iteration` steps; 0 is the initial image."""

    iteration: int
    content: float
    style: float
    tv: float
    total: float


@dataclass(frozen=True)
class StylizedBatch:
    """The result of a batch.

    Attributes:
        images: (B, 3, H, W) in [0, 1].
        traces: per pair, from the initial image to the final (clamped) one.
        failed: per pair, whether it diverged twice; its image and trace are then meaningless.
        iterations: number of steps.
        evaluations: number of losses with gradients, per pair.
    """

    images: Tensor
    traces: list[list[LossPoint]]
    failed: list[bool]
    iterations: int
    evaluations: int


@dataclass(frozen=True)
class Watch:
    """Callbacks during the optimisation.

    Reports (every `report_every` evaluations), previews and checks for divergence (every `CHECK_EVERY`) are the only
    times that the host waits for the device.

    Attributes:
        progress: called with the number of evaluations done and the mean total of the batch.
        should_stop: polled at each evaluation; true ends the optimisation with `Interrupted`.
        past_deadline: polled at each evaluation; true ends it with `ChunkTimeout`.
        preview: called with the number of evaluations done, a pair's row and its image then, (3, H, W) in [0, 1] on the
            CPU, every `preview_every` evaluations, from the initial image on.
    """

    report_every: int = 10
    progress: Callable[[int, float], None] | None = None
    should_stop: Callable[[], bool] | None = None
    past_deadline: Callable[[], bool] | None = None
    preview_every: int | None = None
    preview: Callable[[int, int, Tensor], None] | None = None


def stylize_batch(
    pairs: Pairs,
    recipe: Recipe,
    extractor: Extractor,
    watch: Watch | None = None,
    evaluation: Evaluation = "eager",
) -> StylizedBatch:
    """Optimise every image of the batch under `recipe`, whose precision must be resolved (not `auto`).

    A pair that diverges is restarted once, at a lower rate, while the others go on undisturbed; if it diverges again it
    is reported in `failed`.

    Args:
        evaluation: the way to compute loss and gradient: see `build_evaluation`.

    Raises:
        Interrupted: `watch.should_stop` returned true.
        ChunkTimeout: `watch.past_deadline` returned true.
    """
    watch = watch or Watch()
    weights = _row_weights(pairs.alpha, pairs.contents), _row_weights(pairs.beta, pairs.contents)
    objective = Objective(recipe, extractor, pairs.contents, pairs.targets, *weights, pairs.regions)
    start = initial_images(pairs, recipe, objective)
    channels = 1 if luminance_only(recipe) else 3
    parametrisation = build_parametrisation(recipe.optimiser, start, channels)
    evaluate = build_evaluation(objective, parametrisation, evaluation)
    ends = _optimise(evaluate, objective, parametrisation, _Preview(watch, pairs, recipe))
    images, last = _delivered(objective, parametrisation, ends)
    trace = [*ends.trace, (recipe.evaluations, last.stacked())]
    if watch.progress:
        watch.progress(recipe.evaluations, float(last.total.mean()))
    failed: list[bool] = (ends.diverged | ~last.total.isfinite()).tolist()
    images = _output_images(images, pairs, recipe)
    return StylizedBatch(images, _read_traces(trace), failed, recipe.evaluations, recipe.evaluations)


def initial_images(pairs: Pairs, recipe: Recipe, objective: Objective) -> Tensor:
    """The recipe's initial images, (B, 3, H, W); noise is uniform in [0, 1], drawn by each pair's seed."""
    start = _initial_images(pairs, recipe, objective)
    return greyscale(start).contiguous() if luminance_only(recipe) else start


def _initial_images(pairs: Pairs, recipe: Recipe, objective: Objective) -> Tensor:
    if recipe.start == "noise":
        generators = [torch.Generator().manual_seed(seed) for seed in pairs.seeds]
        noise = [torch.rand(pairs.contents.shape[1:], generator=g, dtype=torch.float32) for g in generators]
        return torch.stack(noise).to(pairs.contents)
    if recipe.start == "style":
        return torch.stack([_covering(target.image, pairs.contents) for target in pairs.targets])
    if recipe.start == "colour_matched" and objective.matched is not None:
        return objective.matched
    return objective.contents.clone()


def _covering(image: Tensor | None, like: Tensor) -> Tensor:
    """An image, (3, h, w), scaled to cover the shape of `like`, (B, 3, H, W), and cropped in the middle."""
    if image is None:
        raise ValueError("start: style needs targets made under the same recipe")
    (height, width), (own_height, own_width) = like.shape[2:], image.shape[1:]
    factor = max(height / own_height, width / own_width)
    shape = max(height, round(own_height * factor)), max(width, round(own_width * factor))
    scaled = F.interpolate(image[None], shape, mode="bicubic", antialias=True)[0].clamp(0, 1)
    top, left = (shape[0] - height) // 2, (shape[1] - width) // 2
    return scaled[:, top : top + height, left : left + width]


def _output_images(images: Tensor, pairs: Pairs, recipe: Recipe) -> Tensor:
    """The images to write for optimised ones, (B, 3, H, W) in [0, 1]."""
    images = with_luminance(images, pairs.contents) if luminance_only(recipe) else images
    regions = region_batch([None if one is None else one.regions for one in pairs.regions], pairs.contents)
    return images if regions is None else regions.composite(images, pairs.contents)


@dataclass(frozen=True)
class _Ends:
    """Where the loop has ended.

    Attributes:
        points: (B, P), after the last step, whose losses nobody has seen.
        before: the points of the last evaluation, whose totals, (B,), are `totals_before`.
        diverged: (B,) bool.
    """

    points: Tensor
    before: Tensor
    totals_before: Tensor
    trace: _Trace
    diverged: Tensor


@dataclass(frozen=True)
class _Preview:
    """Passes unfinished images to the watch, where it has a preview."""

    watch: Watch
    pairs: Pairs
    recipe: Recipe

    @torch.no_grad()
    def send(self, evaluation: int, parametrisation: PixelParametrisation, points: Tensor) -> None:
        every, show = self.watch.preview_every, self.watch.preview
        if every and show and evaluation % every == 0:
            images = _output_images(parametrisation.image(points).clamp(0, 1), self.pairs, self.recipe).cpu()
            for row, image in enumerate(images):
                show(evaluation, row, image)


def _optimise(
    evaluate: Evaluate, objective: Objective, parametrisation: PixelParametrisation, preview: _Preview
) -> _Ends:
    """Run the loop."""
    recipe, watch = preview.recipe, preview.watch
    points = parametrisation.points()
    optimiser = build_optimiser(recipe.optimiser, points)
    guard = DivergenceGuard(objective.scale())
    stride = max(1, math.ceil(recipe.evaluations / TRACE_POINTS))
    trace: _Trace = []
    before = points
    for evaluation in range(recipe.evaluations):
        _poll(watch, evaluation)
        losses, gradients = evaluate(points)
        if evaluation % CHECK_EVERY == 0:
            restart = guard.check(losses[-1])
            if restart is not None:
                points, losses, gradients = _restart(restart, evaluate, optimiser, points, losses, gradients)
        if evaluation % stride == 0:
            trace.append((evaluation, losses.clone()))
        if watch.progress and evaluation % watch.report_every == 0:
            watch.progress(evaluation, float(losses[-1].mean()))
        preview.send(evaluation, parametrisation, points)
        before, points = points, optimiser.step(points, gradients, losses[-1])
    # By the image before clamping: the clamped one always has a moderate loss.
    return _Ends(points, before, losses[-1], trace, guard.diverged(losses[-1]))


@torch.no_grad()
def _delivered(objective: Objective, parametrisation: PixelParametrisation, ends: _Ends) -> tuple[Tensor, LossTerms]:
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


def _poll(watch: Watch, evaluation: int) -> None:
    """Raise Interrupted or ChunkTimeout where the watch asks for it. Does not wait for the device."""
    if watch.should_stop and watch.should_stop():
        raise Interrupted
    if watch.past_deadline and watch.past_deadline():
        raise ChunkTimeout(f"The deadline passed after {evaluation} evaluations.")


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
