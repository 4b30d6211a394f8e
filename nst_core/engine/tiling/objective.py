"""The objective of pictures whose feature maps are computed tile by tile: the same loss, and the same gradient."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from nst_core.engine.colour import greyscale
from nst_core.engine.features.base import Extractor
from nst_core.engine.losses import SCALED_FLOOR, VARIANCE_FLOOR, at_least_float32
from nst_core.engine.objective import Objective
from nst_core.engine.recipe import Recipe
from nst_core.engine.structure import self_similarity_loss
from nst_core.engine.style_losses.base import LayerMaps
from nst_core.engine.tiling.extractor import TiledExtractor
from nst_core.engine.tiling.grid import Place
from nst_core.engine.tiling.readings import ErrorSums, LayerReading, Reading, SamplesAt, WholeMap
from nst_core.engine.transport import sampled

Readings = Mapping[str, Reading]
Shapes = Mapping[str, torch.Size]


def build_objective(recipe: Recipe, extractor: Extractor, *arguments: Any) -> Objective:
    """The objective of a batch, tile by tile where the extractor is; arguments as for `Objective`, in that order."""
    kind = TiledObjective if isinstance(extractor, TiledExtractor) else Objective
    return kind(recipe, extractor, *arguments)


class TiledObjective(Objective):
    """An objective whose losses get what they read of the maps, so that large maps are never whole.

    Terms on the images themselves (total variation, range, Laplacian) stay as they are. The maps that content is
    compared with are kept whole; they come from deep layers, and are small. Of a self-similarity, whose places change,
    nothing is kept: the content's tiles are computed anew.
    """

    extractor: TiledExtractor

    def __init__(self, *arguments: Any, **named: Any) -> None:
        self._variances: dict[str, Tensor] = {}
        super().__init__(*arguments, **named)

    @torch.no_grad()
    def _observed(self, compared: Tensor) -> tuple[dict[str, Tensor], dict[str, torch.Size]]:
        names, similarity = self.recipe.content_names(), self.recipe.content.loss == "self_similarity"
        self.content_shapes = self.extractor.shapes(compared, names)
        maps = {} if similarity else self.extractor(self._for_content(compared), names)
        return maps, self.extractor.shapes(compared, self.recipe.style_names())

    def _of_features(self, images: Tensor) -> tuple[Tensor, Tensor]:
        content, styles = self._content_readings(), self._style_readings()
        if self.recipe.content.colours == "grey":
            read = [*self._read(greyscale(images), [content]), *self._read(images, styles)]
        else:
            read = self._read(images, [content, *styles])
        values = [loss.values(images, maps) for loss, maps in zip(self.style_losses, read[1:], strict=True)]
        return self._content_by_readings(read[0]), self._weighted(values)

    def _of_no_features(self) -> tuple[Tensor, Tensor]:
        zeros = torch.zeros_like(self.contents)
        content = self._content_by_readings(self._of_zeros(self._content_readings(), self.content_shapes))
        maps = [self._of_zeros(readings, self.style_shapes) for readings in self._style_readings()]
        return content, self._weighted(
            [loss.scale(zeros, of) for loss, of in zip(self.style_losses, maps, strict=True)]
        )

    def _for_content(self, images: Tensor) -> Tensor:
        return greyscale(images) if self.recipe.content.colours == "grey" else images

    def _content_readings(self) -> Readings:
        names, loss = self.recipe.content_names(), self.recipe.content.loss
        if loss == "self_similarity":
            return {name: SamplesAt(self.places) for name in names}
        return {name: ErrorSums(self.content_maps[name], absolute=loss == "scaled") for name in names}

    def _style_readings(self) -> list[Readings]:
        """Of each style loss: what it asks for, and the whole maps of its other layers."""
        terms = [term for term in self.style_terms if term.layers]
        whole = [{name: WholeMap() for name, _ in term.layers} for term in terms]
        return [
            {**maps, **loss.readings({name: self.style_shapes[name] for name in maps})}
            for maps, loss in zip(whole, self.style_losses, strict=True)
        ]

    def _read(self, images: Tensor, wanted: Sequence[Readings]) -> list[LayerMaps]:
        """What is wanted of the maps of images, in one walk over the tiles."""
        flat = [(name, reading) for readings in wanted for name, reading in readings.items()]
        values = iter(self.extractor.read(images, flat))
        shapes = {**self.content_shapes, **self.style_shapes}
        return [
            {name: _given(reading, next(values), shapes[name]) for name, reading in readings.items()}
            for readings in wanted
        ]

    def _of_zeros(self, readings: Readings, shapes: Shapes) -> LayerMaps:
        """What is read of maps of zeros."""
        found: dict[str, Tensor | LayerReading] = {}
        for name, reading in readings.items():
            shape, zero = shapes[name], self.contents.new_zeros(())
            if isinstance(reading, ErrorSums):
                place = Place(
                    (slice(None), slice(None)), (slice(0, shape[2]), slice(0, shape[3])), (shape[2], shape[3])
                )
                values = reading.part(zero.expand(shape), place)[1]
            else:
                values = reading.empty(zero.expand(shape), shape)
            found[name] = _given(reading, values, shape)
        return found

    def _content_by_readings(self, maps: LayerMaps) -> Tensor:
        """The content loss, (B,), by what was read of its layers."""
        term = self.recipe.content
        if term.loss == "self_similarity":
            return self.content_factor * self._similarity(maps)
        total = torch.zeros_like(self.alpha)
        for name, weight in term.layers:
            read = maps[name]
            assert isinstance(read, LayerReading)
            total = total + weight * self._content_by_sums(name, read)
        return self.content_factor * total

    def _content_by_sums(self, name: str, read: LayerReading) -> Tensor:
        """Each of `CONTENT_LOSSES` by Σ (F − P)² and Σ |F − P|, (B,)."""
        loss, squares = self.recipe.content.loss, read.values[:, 0]
        if loss == "relative":
            return squares / read.values_each / (self._variance(name) + VARIANCE_FLOOR)
        if loss == "scaled":
            return squares / (read.values[:, 1] + SCALED_FLOOR)
        divisors = {
            "sum": 1.0,
            "half_sum": 2.0,
            "half_sum_by_size": 2.0 * read.positions,
            "mean": float(read.values_each),
            "half_mean": 2.0 * read.values_each,
        }
        return squares / divisors[loss]

    @torch.no_grad()
    def _variance(self, name: str) -> Tensor:
        """The spatial variance of the content's map, (B,): computed once, channel by channel."""
        if name not in self._variances:
            flat = at_least_float32(self.content_maps[name]).flatten(2)
            self._variances[name] = flat.var(dim=2, correction=0).mean(dim=1)
        return self._variances[name]

    def _similarity(self, maps: LayerMaps) -> Tensor:
        with torch.no_grad():
            (content,) = self._read(self._for_content(self.compared), [self._content_readings()])
        layers = self.recipe.content.layers
        own, other = (sampled([weight * of[name] for name, weight in layers], self.places) for of in (maps, content))
        return self_similarity_loss(own, other)


def _given(reading: Reading, values: Tensor, shape: torch.Size) -> Tensor | LayerReading:
    """What a loss gets of a layer: its map, if that was wanted, or the reading."""
    return values if isinstance(reading, WholeMap) else LayerReading(values, shape)
