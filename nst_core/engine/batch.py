"""A batch of pairs as the optimisation takes it, and as it gives it back: images and loss traces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from nst_core.engine.scaling import scaled
from nst_core.engine.stages import DELIVERED, StageKey
from nst_core.engine.strength import Strengths, recipe_strengths
from nst_core.engine.style_targets import StyleTarget
from nst_core.engine.transfer.recipe import MethodRecipe


@dataclass(frozen=True)
class Pairs:
    """A batch of B pairs that share one image shape.

    Attributes:
        contents: (B, 3, H, W) sRGB in [0, 1], at the size to deliver.
        targets: the style target of each pair; with those of its other stages where a recipe has several.
        seeds: seed of each pair, for starts from noise.
        alpha, beta: per-pair weights in place of the recipe's, or None.
        strengths: per-pair strengths in place of the recipe's, or None; the targets are made with them.
        starts: (B, 3, H, W), the pictures of a transfer network that `start: transfer` begins with.
    """

    contents: Tensor
    targets: Sequence[StyleTarget]
    seeds: Sequence[int]
    alpha: Sequence[float] | None = None
    beta: Sequence[float] | None = None
    strengths: Sequence[float] | None = None
    starts: Tensor | None = None

    @property
    def have_regions(self) -> bool:
        """Whether any content has regions."""
        return any(target.regions is not None for target in self.targets)

    def rows(self, rows: Sequence[int]) -> Pairs:
        """Some pairs of the batch."""
        contents, starts = (None if images is None else images[list(rows)] for images in (self.contents, self.starts))
        columns = (self.targets, self.seeds, self.alpha, self.beta, self.strengths)
        found = (None if values is None else [values[row] for row in rows] for values in columns)
        return Pairs(contents, *found, starts=starts)  # type: ignore[arg-type, misc]

    def strengths_under(self, recipe: MethodRecipe) -> Strengths | None:
        """The strengths of the pairs, their own or the recipe's; None where there are none."""
        if self.strengths is not None:
            return Strengths(self.strengths, self.contents)
        return recipe_strengths(recipe, self.contents)

    def rows_of_strength_0(self, recipe: MethodRecipe) -> list[int]:
        """The pairs whose content is delivered as it is."""
        strengths = self.strengths_under(recipe)
        return [] if strengths is None else [row for row, value in enumerate(strengths.values) if value == 0]

    def at(self, stage: StageKey) -> Pairs:
        """The batch in a stage: contents (B, 3, h, w) at its scale, and the targets made for it.

        Raises:
            ValueError: the targets were made without that stage.
        """
        if stage == DELIVERED:
            return self
        if not all(stage in target.others for target in self.targets):
            raise ValueError("a schedule of stages needs targets made under the same recipe")
        targets, factor = [target.others[stage] for target in self.targets], stage[0]
        starts = None if self.starts is None else scaled(self.starts, factor)
        return replace(self, contents=scaled(self.contents, factor), targets=targets, starts=starts)


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


Trace = list[tuple[int, Tensor]]
"""Numbers of steps, and the losses there, (4, B), as `LossTerms.stacked` gives them."""


def read_traces(trace: Trace) -> list[list[LossPoint]]:
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
