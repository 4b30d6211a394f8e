"""Gram matrices as a style loss (Gatys, Ecker, Bethge 2016), in all the normalisations that are in use."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from nst_core.engine.losses import GRAM_LOSSES, gram_matrix
from nst_core.engine.style_losses.layerwise import LayerLoss
from nst_core.engine.tiling.readings import GramSum, LayerReading, Reading


class GramLoss(LayerLoss):
    """A function of the Gram matrices of result and style, each divided by its number of positions."""

    linear = True
    summed = True

    def layer_target(self, views: Sequence[Tensor]) -> Tensor:
        return gram_matrix(views[0])[0]

    def layer_values(self, maps: Tensor, target: Tensor, choice: None) -> Tensor:
        return self._of_gram(gram_matrix(maps), target, maps.shape[2] * maps.shape[3])

    def reading(self, choice: None) -> Reading:
        return GramSum()

    def reading_values(self, own: LayerReading, target: Tensor, choice: None) -> Tensor:
        return self._of_gram(own.values, target, own.positions)

    def target_reading(self, shape: torch.Size, device: torch.device) -> Reading:
        return GramSum()

    def reading_target(self, own: LayerReading) -> Tensor:
        return own.values[0]

    def _of_gram(self, gram: Tensor, target: Tensor, positions: int) -> Tensor:
        return GRAM_LOSSES[self.term.loss](gram, target, positions)
