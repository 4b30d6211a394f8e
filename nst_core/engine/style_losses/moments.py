"""Means and standard deviations of the channels as a style loss (Li, Wang, Liu, Hou 2017; Huang, Belongie 2017)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from nst_core.engine.losses import ENERGY_FLOOR, at_least_float32
from nst_core.engine.regions import position_weights
from nst_core.engine.style_losses.layerwise import NEVER, LayerLoss
from nst_core.engine.tiling.readings import LayerReading, PowerSums, Reading

_LEAST_VARIANCE = 1e-8


def channel_moments(maps: Tensor, weights: Tensor | None = None) -> Tensor:
    """The mean and standard deviation of each channel over the positions: (B, N, H, W) -> (B, 2, N).

    Args:
        weights: of the positions, (B, H·W), which sum to 1; by default all the same.
    """
    flat = at_least_float32(maps).flatten(2)
    if weights is not None:
        mean = (flat @ weights[:, :, None].to(flat))[:, :, 0]
        variance = ((flat - mean[:, :, None]).square() @ weights[:, :, None].to(flat))[:, :, 0]
        return torch.stack([mean, (variance + _LEAST_VARIANCE).sqrt()], dim=1)
    mean = flat.mean(dim=2)
    deviation = ((flat - mean[:, :, None]).square().mean(dim=2) + _LEAST_VARIANCE).sqrt()
    return torch.stack([mean, deviation], dim=1)


def moments_of_powers(powers: Tensor) -> Tensor:
    """The same of the channels' means and mean squares, (B, 2, N) in float64: (B, 2, N) in float64."""
    mean, squares = powers.unbind(dim=1)
    return torch.stack([mean, ((squares - mean.square()).clamp_min(0) + _LEAST_VARIANCE).sqrt()], dim=1)


class MomentLoss(LayerLoss):
    """`moments`: the mean over channels of (Δμ² + Δσ²); `moments_relative`: each over the style's own μ² + σ²."""

    linear = True
    summed = True

    def lifetime(self) -> int | None:
        return NEVER  # a guide stays

    def layer_target(self, views: Sequence[Tensor], guides: Sequence[Tensor] | None = None) -> Tensor:
        return channel_moments(views[0], None if guides is None else position_weights(guides[0][None]))[0]

    def choice(
        self, maps: Tensor, target: Tensor, generator: torch.Generator, guides: Tensor | None = None
    ) -> Tensor | None:
        """The weights of positions in regions, (G, h·w)."""
        return None if guides is None else position_weights(guides)

    def layer_values(self, maps: Tensor, target: Tensor, choice: Tensor | None) -> Tensor:
        return self._of_moments(channel_moments(maps, choice), target)

    def reading(self, choice: Tensor | None) -> Reading:
        return PowerSums()

    def reading_values(self, own: LayerReading, target: Tensor, choice: Tensor | None) -> Tensor:
        return self._of_moments(moments_of_powers(own.values).to(target.dtype), target)

    def target_reading(self, maps: Tensor) -> Reading:
        return PowerSums()

    def reading_target(self, own: LayerReading) -> Tensor:
        return moments_of_powers(own.values)[0]

    def _of_moments(self, moments: Tensor, target: Tensor) -> Tensor:
        error = (moments - target).square().sum(dim=1)
        if self.term.loss == "moments_relative":
            error = error / (target.square().sum(dim=1).sqrt() + ENERGY_FLOOR).square()
        return error.mean(dim=1)
