"""Gram matrices as a style loss (Gatys, Ecker, Bethge 2016), in all the normalisations that are in use."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from nst_core.engine.losses import GRAM_LOSSES, gram_matrix, guided_gram
from nst_core.engine.regions import guidance_channel
from nst_core.engine.style_losses.layerwise import NEVER, LayerLoss
from nst_core.engine.tiling.readings import GramSum, LayerReading, Reading


class GramLoss(LayerLoss):
    """A function of the Gram matrices of result and style, each divided by its number of positions."""

    linear = True
    summed = True

    def lifetime(self) -> int | None:
        return NEVER  # a guide stays

    def layer_target(self, views: Sequence[Tensor], guides: Sequence[Tensor] | None = None) -> Tensor:
        return _gram(views[0], None if guides is None else guidance_channel(guides[0][None]))[0]

    def choice(
        self, maps: Tensor, target: Tensor, generator: torch.Generator, guides: Tensor | None = None
    ) -> Tensor | None:
        """The guidance channels of regions, (G, h, w)."""
        return None if guides is None else guidance_channel(guides)

    def layer_values(self, maps: Tensor, target: Tensor, choice: Tensor | None) -> Tensor:
        return self._of_gram(_gram(maps, choice), target, maps.shape[2] * maps.shape[3])

    def reading(self, choice: Tensor | None) -> Reading:
        return GramSum()

    def reading_values(self, own: LayerReading, target: Tensor, choice: Tensor | None) -> Tensor:
        return self._of_gram(own.values, target, own.positions)

    def target_reading(self, maps: Tensor) -> Reading:
        return GramSum()

    def reading_target(self, own: LayerReading) -> Tensor:
        return own.values[0]

    def _of_gram(self, gram: Tensor, target: Tensor, positions: int) -> Tensor:
        return GRAM_LOSSES[self.term.loss](gram, target, positions)


def _gram(maps: Tensor, channel: Tensor | None) -> Tensor:
    return gram_matrix(maps) if channel is None else guided_gram(maps, channel)
