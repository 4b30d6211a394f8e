"""The sliced Wasserstein distance (Heitz et al. 2021), and histograms (Wilmot, Risser, Barnes 2017)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from nst_core.engine.regions import region_positions
from nst_core.engine.style_losses.layerwise import NEVER, LayerLoss
from nst_core.engine.style_losses.positions import (
    in_order,
    positions_of,
    sorted_error,
    vectors,
    vectors_at,
)
from nst_core.engine.style_losses.tiles import sum_of_tiles, tiles
from nst_core.engine.style_losses.vector_loss import VectorLoss
from nst_core.engine.tiling.readings import LayerReading, Reading


class Slices(NamedTuple):
    """Unit directions, (P, N), and positions of the result, (M,), or None for all."""

    directions: Tensor
    positions: Tensor | None


class SlicedLoss(VectorLoss):
    """Mean over directions of the squared Wasserstein distance between the feature vectors' projections on them."""

    def choice(self, maps: Tensor, target: Tensor, generator: torch.Generator, guides: Tensor | None = None) -> Slices:
        count = self.term.option("projections") or maps.shape[1]
        directions = torch.randn(count, maps.shape[1], generator=generator)
        guide = None if guides is None else guides[0]
        positions = positions_of(maps, self.term.option("positions"), generator, guide)
        return Slices(torch.nn.functional.normalize(directions).to(target), positions)

    def layer_values(self, maps: Tensor, target: Tensor, choice: Slices) -> Tensor:
        return self._of_vectors(vectors(maps, choice.positions), target, choice.directions)

    def reading(self, choice: Slices) -> Reading:
        return vectors_at(choice.positions)

    def reading_values(self, own: LayerReading, target: Tensor, choice: Slices) -> Tensor:
        return self._of_vectors(own.values, target, choice.directions)

    def _of_vectors(self, own: Tensor, target: Tensor, directions: Tensor) -> Tensor:
        each = 8 * len(own) * max(own.shape[2], target.shape[2])

        def piece(part: Tensor, features: Tensor) -> Tensor:
            return sorted_error(part @ features, part @ target) * (len(part) / len(directions))

        parts = [directions[tile] for tile in tiles(len(directions), each)]
        return sum_of_tiles(own, [partial(piece, part) for part in parts])


class HistogramLoss(LayerLoss):
    """Mean of ‖F − R(F)‖², R giving each channel the style's histogram.

    R sorts: the value of rank r becomes the style's of that rank. It has no gradient of its own, which is the gradient
    of the Wasserstein distance along the channel's axis.
    """

    stacked = False

    def lifetime(self) -> int | None:
        return NEVER  # a guide stays

    def layer_target(self, views: Sequence[Tensor], guides: Sequence[Tensor] | None = None) -> Tensor:
        """Each channel's values in order, (N, K), at most so many, evenly by rank."""
        inside = None if guides is None else region_positions(guides[0])
        ordered = in_order(vectors(views[0], inside)[0])
        count, most = ordered.shape[1], int(self.term.option("positions"))
        if count <= most:
            return ordered
        ranks = torch.arange(most, device=ordered.device) * (count - 1) // max(1, most - 1)
        return ordered.index_select(1, ranks)

    def choice(
        self, maps: Tensor, target: Tensor, generator: torch.Generator, guides: Tensor | None = None
    ) -> Tensor | None:
        """The positions of a region."""
        return None if guides is None else region_positions(guides[0])

    def layer_values(self, maps: Tensor, target: Tensor, choice: Tensor | None) -> Tensor:
        own = vectors(maps, choice)
        each = 8 * len(own) * max(own.shape[2], target.shape[2])

        def piece(tile: slice, features: Tensor) -> Tensor:
            share: float = (tile.stop - tile.start) / own.shape[1]
            return sorted_error(features[:, tile], target[:, tile]) * share

        parts = tiles(own.shape[1], each)
        return sum_of_tiles(own, [partial(piece, tile) for tile in parts])
