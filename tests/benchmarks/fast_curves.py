"""What every candidate has reached after so many evaluations: the losses of the images that it would deliver then."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from fast_choice import Candidate, Measured
from pairs import Pair
from stylized_pictures import Picture, sources
from torch import Tensor

from nst_core.engine.batch import Pairs as Batch
from nst_core.engine.batch import StylizedBatch
from nst_core.engine.bench.equal_loss import loss_ratio
from nst_core.engine.devices import resolve_precision, set_convolution_precision
from nst_core.engine.features import ConvNet, build_extractor
from nst_core.engine.features.base import Extractor
from nst_core.engine.images.pixels import pad_by_reflection
from nst_core.engine.objective import Objective
from nst_core.engine.optimisation import stylize_batch
from nst_core.engine.recipe import Recipe
from nst_core.engine.style_targets import style_target
from nst_core.engine.watch import Watch

EVERY = 5
"""Evaluations between two points of a curve."""

Curve = dict[int, list[float]]
"""By evaluations: the loss of each pair."""


@dataclass(frozen=True)
class Prepared:
    """Pairs of one padded shape.

    Attributes:
        numbers: their places among all pairs.
        contents: (B, 3, H, W) in [0, 1], padded.
        styles: each (3, h, w).
        shapes: (height, width) of each content before padding.
    """

    numbers: list[int]
    contents: Tensor
    styles: list[Tensor]
    shapes: list[tuple[int, int]]


class Laboratory:
    """Runs ways of minimising one objective on the same pairs, in batches; judges them in float32.

    Args:
        recipe: of the objective; its precision is that of the candidates.
    """

    def __init__(self, recipe: Recipe, pairs: Sequence[Pair], device: torch.device) -> None:
        self.recipe, self.device, self.count = resolve_precision(recipe, device), device, len(pairs)
        self.batches = prepared(pairs, recipe, device)
        self.exact = replace(self.recipe, precision="float32")
        self.judge = _extractor(self.exact, device)
        self.extractor = self.judge if self.recipe == self.exact else _extractor(self.recipe, device)

    def goals(self, plain: Candidate, evaluations: int) -> tuple[Curve, list[Picture]]:
        """The reference's curve and pictures, in float32."""
        return self._run(plain.applied(self.exact, evaluations), self.judge)

    def measured(self, candidate: Candidate, evaluations: int, goals: Sequence[float]) -> Measured:
        """A candidate's ratios to the goals, one goal per pair."""
        return compared(candidate, self._run(candidate.applied(self.recipe, evaluations), self.extractor)[0], goals)

    def pictures(self, recipe: Recipe) -> list[Picture]:
        """What a recipe (of the same objective) delivers."""
        return self._run(replace(recipe, precision=self.recipe.precision), self.extractor)[1]

    def _run(self, recipe: Recipe, extractor: Extractor) -> tuple[Curve, list[Picture]]:
        curve: Curve = defaultdict(lambda: [float("nan")] * self.count)
        pictures: dict[int, Picture] = {}
        for batch in self.batches:
            made, seen = run_batch(batch, recipe, extractor, self.judge)
            for evaluations, losses in seen.items():
                for number, loss in zip(batch.numbers, losses, strict=True):
                    curve[evaluations][number] = loss
            pictures.update(zip(batch.numbers, delivered(batch, made.images.cpu()), strict=True))
        return dict(curve), [pictures[number] for number in range(self.count)]


def compared(candidate: Candidate, curve: Curve, goals: Sequence[float]) -> Measured:
    """A curve over the goals."""
    mean = {evaluations: loss_ratio(losses, goals) for evaluations, losses in curve.items()}
    worst = {k: max(loss / goal for loss, goal in zip(losses, goals, strict=True)) for k, losses in curve.items()}
    return Measured(candidate, mean, worst)


def run_batch(batch: Prepared, recipe: Recipe, extractor: Extractor, judge: Extractor) -> tuple[StylizedBatch, Curve]:
    """The batch under a recipe, and the losses of its images on the way."""
    set_convolution_precision(recipe.precision)
    pairs = Batch(batch.contents, [style_target(style, recipe, extractor) for style in batch.styles], batch.numbers)
    targets = [style_target(style, recipe, judge) for style in batch.styles]
    collector = Collector(Objective(replace(recipe, precision="float32"), judge, batch.contents, targets))
    watch = Watch(preview_every=EVERY, preview=collector.show)
    made = stylize_batch(pairs, recipe, extractor, watch, "graph" if batch.contents.is_cuda else "eager")
    collector.judge(recipe.total_evaluations, made.images)
    return made, collector.curve


class Collector:
    """Takes the images of a batch one by one, as previews come, and judges each batch when it is whole."""

    def __init__(self, objective: Objective) -> None:
        self.objective = objective
        self.curve: Curve = {}
        self._waiting: list[Tensor] = []

    def show(self, evaluations: int, row: int, image: Tensor) -> None:
        """A `Watch`'s preview."""
        assert row == len(self._waiting)
        self._waiting.append(image)
        if len(self._waiting) == len(self.objective.contents):
            self.judge(evaluations, torch.stack(self._waiting))
            self._waiting.clear()

    @torch.no_grad()
    def judge(self, evaluations: int, images: Tensor) -> None:
        """Note the totals of images (B, 3, H, W)."""
        self.curve[evaluations] = self.objective.terms(images).total.tolist()


def prepared(pairs: Sequence[Pair], recipe: Recipe, device: torch.device) -> list[Prepared]:
    """The pairs at the recipe's sizes, in batches of one padded shape, as the pipeline makes them."""
    by_shape: dict[tuple[int, int], list[tuple[int, Tensor, Tensor]]] = defaultdict(list)
    for number, pair in enumerate(pairs):
        content, style = sources(pair, recipe)
        by_shape[recipe.padded(content.shape[2], content.shape[1])].append((number, content, style))
    return [_batch(members, shape, device) for shape, members in by_shape.items()]


def _batch(members: list[tuple[int, Tensor, Tensor]], shape: tuple[int, int], device: torch.device) -> Prepared:
    numbers, contents, styles = (list(column) for column in zip(*members, strict=True))
    sizes = [(content.shape[1], content.shape[2]) for content in contents]
    whole = torch.stack([pad_by_reflection(content, *shape) for content in contents]).to(device)
    return Prepared(numbers, whole, [style.to(device) for style in styles], sizes)


def delivered(batch: Prepared, images: Tensor) -> Iterator[Picture]:
    """The images as files would show them: without the padding."""
    rows = zip(images, batch.contents.cpu(), batch.styles, batch.shapes, strict=True)
    for image, content, style, (height, width) in rows:
        yield Picture(image[:, :height, :width], content[:, :height, :width], style.cpu())


def _extractor(recipe: Recipe, device: torch.device) -> Extractor:
    extractor = build_extractor(recipe)
    if device.type == "cuda" and isinstance(extractor, ConvNet):
        extractor = extractor.channels_last()
    return extractor.to(device)
