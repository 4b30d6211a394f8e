"""The optimisation itself: a batch of pairs of one shape in, images and loss traces out; stage by stage."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from nst_core.engine.batch import Pairs, StylizedBatch, Trace, read_traces
from nst_core.engine.descent import Reports, delivered, descend
from nst_core.engine.evaluation import Evaluation, build_evaluation
from nst_core.engine.features.base import Extractor
from nst_core.engine.finishing import finished_images
from nst_core.engine.objective import LossTerms, Objective
from nst_core.engine.optimisers import BatchOptimiser, build_optimiser
from nst_core.engine.parametrisation import PixelParametrisation, build_parametrisation
from nst_core.engine.recipe import Recipe
from nst_core.engine.scaling import resized
from nst_core.engine.stages import Network
from nst_core.engine.starts import initial_images, with_content_details
from nst_core.engine.style_targets import luminance_only
from nst_core.engine.tiling.objective import build_objective
from nst_core.engine.watch import Watch

TRACE_POINTS = 100
"""A loss trace holds about this many points at most."""


ExtractorOf = Callable[[Network | None, int, int], Extractor]
"""The extractor of one of a recipe's networks, for pictures of a height and a width."""


@dataclass(frozen=True)
class _StageEnd:
    """What one stage hands on to the next, and the last one to the caller.

    Attributes:
        images: (B, 3, h, w) in [0, 1], with their losses.
        failed: (B,) bool: rows that diverged.
    """

    images: Tensor
    losses: LossTerms
    failed: Tensor
    trace: Trace
    optimiser: BatchOptimiser
    parametrisation: PixelParametrisation


def stylize_batch(
    pairs: Pairs,
    recipe: Recipe,
    extractor: Extractor,
    watch: Watch | None = None,
    evaluation: Evaluation = "eager",
    extractor_of: ExtractorOf | None = None,
) -> StylizedBatch:
    """Optimise every image of the batch under `recipe`, whose precision must be resolved (not `auto`).

    Each stage of its schedule starts from the result of the one before, enlarged. A pair that diverges is restarted
    once in that stage, at a lower rate, while the others go on undisturbed. If it diverges again, the next stage starts
    from the recipe's initial image; in the last stage it is reported in `failed`. At strength 0 the content comes back
    as it is: callers who ask for nothing else need not call.

    All losses of a trace are those of the recipe's own network: stages on another one have no points, but for the
    initial image's.

    Args:
        extractor: of the recipe's own network.
        evaluation: the way to compute loss and gradient: see `build_evaluation`.
        extractor_of: a `TiledExtractor` where pictures are too large; by default `extractor` for all. Needed where
            stages are on other networks.

    Raises:
        Interrupted: `watch.should_stop` returned true.
        ChunkTimeout: `watch.past_deadline` returned true.
    """
    schedule = _Schedule(pairs, recipe, extractor_of or (lambda *_: extractor), watch or Watch(), evaluation)
    end, trace = None, schedule.initial_losses()
    for number in range(len(recipe.schedule())):
        end = schedule.optimise(number, end)
        trace += end.trace
    assert end is not None, "a recipe has at least one stage"
    total = recipe.total_evaluations
    trace.append((total, end.losses.stacked()))
    if schedule.watch.progress:
        schedule.watch.progress(total, float(end.losses.total.mean()))
    images, failed = finished_images(end.images, pairs, recipe), end.failed
    if as_it_is := pairs.rows_of_strength_0(recipe):
        images[as_it_is], failed[as_it_is] = pairs.contents[as_it_is], False
    return StylizedBatch(images, read_traces(trace), failed.tolist(), total, total)


@dataclass(frozen=True)
class _Schedule:
    """A batch with all that its stages have in common."""

    pairs: Pairs
    recipe: Recipe
    extractor_of: ExtractorOf
    watch: Watch
    evaluation: Evaluation

    @torch.no_grad()
    def initial_losses(self) -> Trace:
        """Those of the initial images at the delivered size, where the first stage is not on the recipe's network."""
        stages = self.recipe.schedule()
        if stages[0].network is None:
            return []
        pairs, objective = self._objective(len(stages) - 1)
        start = initial_images(pairs, self.recipe, objective)
        objective.begin(start)
        return [(0, objective.terms(start).stacked())]

    def _objective(self, number: int) -> tuple[Pairs, Objective]:
        """The batch in stage `number`, and the objective there."""
        recipe, stage = self.recipe, self.recipe.schedule()[number]
        pairs = self.pairs.at(stage.key)
        weights = _row_weights(pairs.alpha, pairs.contents), _row_weights(pairs.beta, pairs.contents)
        strengths = pairs.strengths_under(recipe)
        extractor = self.extractor_of(stage.network, pairs.contents.shape[2], pairs.contents.shape[3])
        objective = build_objective(
            recipe, extractor, pairs.contents, pairs.targets, *weights, pairs.seeds, number, strengths
        )
        return pairs, objective

    def optimise(self, number: int, before: _StageEnd | None) -> _StageEnd:
        """Optimise in stage `number` from what the stage before has handed on."""
        recipe, stage = self.recipe, self.recipe.schedule()[number]
        pairs, objective = self._objective(number)
        start = initial_images(pairs, recipe, objective)
        if before is not None:
            enlarged = with_content_details(before.images, objective)
            start = torch.where(before.failed[:, None, None, None], start, enlarged)
        objective.begin(start)
        channels = 1 if luminance_only(recipe) else 3
        parametrisation = build_parametrisation(recipe.optimiser, start, channels)
        evaluate = build_evaluation(objective, parametrisation, self.evaluation)
        optimiser = self._optimiser(parametrisation, before)
        stride = max(1, math.ceil(recipe.total_evaluations / TRACE_POINTS)) if stage.network is None else None
        reports = Reports(self.watch, stage, stride, self._preview)
        ends = descend(evaluate, objective, parametrisation, optimiser, reports)
        images, losses = delivered(objective, parametrisation, ends)
        failed = ends.diverged | ~losses.total.isfinite()
        return _StageEnd(images, losses, failed, ends.trace, optimiser, parametrisation)

    def _optimiser(self, parametrisation: PixelParametrisation, before: _StageEnd | None) -> BatchOptimiser:
        """The optimiser of a stage: the one before's, its moments resized, where that is wanted; else a new one."""
        if before is not None and self.recipe.optimiser.carry and before.parametrisation.keeps_state:
            carried = before.optimiser.resampled(before.parametrisation.resampler(parametrisation.start.shape[2:]))
            if carried is not None:
                carried.reset(before.failed, 1.0)
                return carried
        return build_optimiser(self.recipe.optimiser, parametrisation.points())

    def _preview(self, evaluation: int, images: Tensor) -> None:
        """Show the images of a stage, (B, 3, h, w), at the delivered size."""
        images = finished_images(resized(images, self.pairs.contents.shape[2:]), self.pairs, self.recipe).cpu()
        for row, image in enumerate(images):
            if self.watch.preview:
                self.watch.preview(evaluation, row, image)


def _row_weights(values: Sequence[float] | None, like: Tensor) -> Tensor | None:
    return None if values is None else like.new_tensor(values)
