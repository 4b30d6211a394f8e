"""A batch of pairs as the optimisation takes it, and as it gives it back: images and loss traces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from nst_core.engine.objective import StyleTarget
from nst_core.engine.scaling import scaled


@dataclass(frozen=True)
class Pairs:
    """A batch of B pairs that share one image shape.

    Attributes:
        contents: (B, 3, H, W) sRGB in [0, 1], at the size to deliver.
        targets: the style target of each pair; under a schedule with those of its coarser scales.
        seeds: seed of each pair, for starts from noise.
        alpha, beta: per-pair weights in place of the recipe's, or None.
    """

    contents: Tensor
    targets: Sequence[StyleTarget]
    seeds: Sequence[int]
    alpha: Sequence[float] | None = None
    beta: Sequence[float] | None = None

    def at(self, factor: float) -> Pairs:
        """The batch at a scale of a schedule: contents (B, 3, h, w), and the targets made for that scale.

        Raises:
            ValueError: the targets were made without that scale.
        """
        if factor == 1:
            return self
        if not all(factor in target.coarser for target in self.targets):
            raise ValueError("a schedule of scales needs targets made under the same recipe")
        targets = [target.coarser[factor] for target in self.targets]
        return replace(self, contents=scaled(self.contents, factor), targets=targets)


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
