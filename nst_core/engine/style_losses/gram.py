"""Gram matrices as a style loss (Gatys, Ecker, Bethge 2016), in all the normalisations that are in use."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from nst_core.engine.losses import GRAM_LOSSES, gram_matrix
from nst_core.engine.style_losses.layerwise import LayerLoss


class GramLoss(LayerLoss):
    """A function of the Gram matrices of result and style, each divided by its number of positions."""

    linear = True

    def layer_target(self, views: Sequence[Tensor]) -> Tensor:
        return gram_matrix(views[0])[0]

    def layer_values(self, maps: Tensor, target: Tensor, choice: None) -> Tensor:
        return GRAM_LOSSES[self.term.loss](gram_matrix(maps), target, maps.shape[2] * maps.shape[3])
