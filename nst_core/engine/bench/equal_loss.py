"""Images per second at equal final loss: the pipeline (ours) against the sequential reference, run in turns."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from nst_core.engine.batch import LossPoint
from nst_core.engine.bench.batch_runner import BenchPictures, Setup, stylize_all
from nst_core.engine.bench.measure import Stopwatch
from nst_core.engine.bench.reference import Reference
from nst_core.engine.bench.report import EqualLoss, side_of
from nst_core.engine.devices import set_convolution_precision
from nst_core.engine.features.base import Extractor
from nst_core.engine.objective import Objective
from nst_core.engine.recipe import Recipe
from nst_core.engine.style_targets import style_target
from nst_core.errors import NumericalError, UsageError

WARM_UP = 3
"""Evaluations of the reference before its clock starts."""

MAX_RATIO = 4
"""The most evaluations that ours may take, as a multiple of the reference's."""


@dataclass(frozen=True)
class EqualLossComparison:
    """The settings of a comparison.

    Attributes:
        recipe: recipe of both, with its precision resolved.
        extractor: extractor of ours, in that precision.
        judge: the same features in float32, for the reference and for all final losses.
        evaluations: evaluations of the reference per image.
        images: number that the reference makes; ours makes `setup.images`, of which these are the first.
        rounds: number of runs of each side.
        cores: CPU threads of the reference.
    """

    recipe: Recipe
    extractor: Extractor
    judge: Extractor
    pictures: BenchPictures
    setup: Setup
    evaluations: int
    images: int
    rounds: int
    cores: int


def compare(comparison: EqualLossComparison, advance: Callable[[], None] = lambda: None) -> EqualLoss:
    """Run reference, ours, reference, ours, …; after the first run, find how many evaluations ours needs.

    Args:
        advance: called after every image of the reference and every run of ours.

    Raises:
        UsageError: ours does not reach the reference's loss.
        NumericalError: the reference diverged.
    """
    reference_seconds: list[float] = []
    ours_seconds: list[float] = []
    finals: list[float] = []
    evaluations, ratio = 0, 0.0
    for _ in range(comparison.rounds):
        images, seconds = _run_reference(comparison, advance)
        reference_seconds.append(seconds)
        if not finals:
            finals = final_losses(comparison, images)
            if not all(math.isfinite(final) for final in finals):
                raise NumericalError("The reference diverged: compare at fewer --reference-evaluations.")
            evaluations, ratio = find_evaluations(comparison, finals)
            advance()
        _, seconds = run_ours(comparison, evaluations)
        ours_seconds.append(seconds)
        advance()
    setup = comparison.setup
    reference = side_of(comparison.images, comparison.evaluations, reference_seconds)
    ours = side_of(setup.images, evaluations, ours_seconds)
    return EqualLoss(
        setup.batch, setup.workers, setup.threads, comparison.cores, reference, ours,
        geometric_mean(finals), ratio, ours.images_per_second / reference.images_per_second,
    )  # fmt: skip


def find_evaluations(comparison: EqualLossComparison, goals: Sequence[float]) -> tuple[int, float]:
    """The number of evaluations that brings our clamped images to the goals, and our loss over them there (at most 1).

    The trace, of images not yet clamped and in the recipe's precision, gives a first guess; `final_losses` decides.
    """
    limit = MAX_RATIO * comparison.evaluations
    tried = comparison.evaluations
    reached = None
    while reached is None and tried <= limit:
        traces, _ = run_ours(comparison, tried)
        reached = evaluations_to_reach([trace for trace, _ in traces][: len(goals)], goals)
        tried *= 2
    while reached is not None and reached <= limit:
        made, _ = run_ours(comparison, reached)
        losses = final_losses(comparison, [image for _, image in made][: len(goals)])
        ratio = loss_ratio(losses, goals)
        if ratio <= 1:
            return reached, ratio
        reached += max(1, reached // 50)
    raise UsageError(
        f"Within {limit} evaluations ours does not reach the loss that the reference has after "
        f"{comparison.evaluations}: compare at fewer --reference-evaluations."
    )


def evaluations_to_reach(traces: Sequence[Sequence[LossPoint]], goals: Sequence[float]) -> int | None:
    """The first point of the traces (one per image, all at the same iterations) where the totals are at the goals.

    All images count alike, by the geometric mean of each total over its goal. None where that never gets down to 1.
    """
    for index, point in enumerate(traces[0]):
        if point.iteration and loss_ratio([trace[index].total for trace in traces], goals) <= 1:
            return point.iteration
    return None


def loss_ratio(losses: Sequence[float], goals: Sequence[float]) -> float:
    """Geometric mean of each loss over its goal; infinite where a loss is not finite."""
    if not all(math.isfinite(loss) for loss in losses):
        return math.inf
    return geometric_mean([loss / goal for loss, goal in zip(losses, goals, strict=True)])


def geometric_mean(values: Sequence[float]) -> float:
    """The geometric mean of positive numbers."""
    return math.exp(math.fsum(math.log(max(value, 1e-300)) for value in values) / len(values))


def run_ours(comparison: EqualLossComparison, evaluations: int) -> tuple[list[tuple[list[LossPoint], Tensor]], float]:
    """Run ours: trace and image of each pair, and the seconds of all together, style targets included."""
    recipe = replace(comparison.recipe, evaluations=evaluations)
    with Stopwatch(comparison.extractor.device) as watch:
        made = stylize_all(recipe, comparison.extractor, comparison.pictures, comparison.setup)
    pairs = [pair for batch in made for pair in zip(batch.traces, batch.images, strict=True)]
    return pairs, watch.seconds


@torch.no_grad()
def final_losses(comparison: EqualLossComparison, images: Sequence[Tensor]) -> list[float]:
    """The total of each (clamped) image under the recipe's objective, in float32."""
    recipe, judge, pictures = replace(comparison.recipe, precision="float32"), comparison.judge, comparison.pictures
    totals = []
    set_convolution_precision("float32")
    for pair, image in enumerate(images):
        content = pictures.content(pair)
        target = style_target(pictures.style(pair), recipe, judge, content)
        objective = Objective(recipe, judge, content[None], [target])
        objective.begin(content[None])
        totals.append(float(objective.terms(image[None]).total))
    return totals


def _run_reference(comparison: EqualLossComparison, advance: Callable[[], None]) -> tuple[list[Tensor], float]:
    """Run the reference, one image after the other with all cores: the images, and the seconds."""
    pictures, before = comparison.pictures, torch.get_num_threads()
    reference = Reference(comparison.recipe, comparison.judge)
    torch.set_num_threads(comparison.cores)
    try:
        with _torch_defaults():
            reference.stylize(pictures.content(0), pictures.style(0), WARM_UP)
        images = []
        with _torch_defaults(), Stopwatch(comparison.judge.device) as watch:
            for pair in range(comparison.images):
                images.append(reference.stylize(pictures.content(pair), pictures.style(pair), comparison.evaluations))
                advance()
    finally:
        torch.set_num_threads(before)
    return images, watch.seconds


def _torch_defaults() -> AbstractContextManager[None]:
    """torch's default settings for convolutions: on a GPU, TensorFloat-32."""
    return torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=False, allow_tf32=True)
