"""Gain maps: the content's features with the local contrast of the style's, for portraits.

Selim, Elgharib, Doyle 2016, "Painting Style Transfer for Head Portraits Using Convolutional Neural Networks".
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from nst_core.engine.losses import at_least_float32

LEAST_GAIN, MOST_GAIN = 0.7, 5.0
"""Limits of a gain (their section 3.2): more of it makes artefacts."""

_FLOOR = 1e-4
"""Added to what a gain divides by."""


def gained(content: Tensor, style: Tensor, window: int) -> Tensor:
    """The content's features at the style's local means and standard deviations: two of (B, N, H, W) -> one.

    `(F − µ)·g(σ_s / σ) + µ·g(µ_s / µ)`, µ and σ being taken, per channel, over windows of `window` × `window` positions
    (an odd number; fewer at borders), and g clamping to [0.7, 5]. With a window of 1 it is `F·g(S / F)`.

    Args:
        style: features S of a portrait whose face lies where the content's does.
    """
    content, style = at_least_float32(content), at_least_float32(style)
    mean, spread = _local_moments(content, window)
    style_mean, style_spread = _local_moments(style, window)
    return (content - mean) * gain(style_spread, spread) + mean * gain(style_mean, mean)


def gain(style: Tensor, content: Tensor) -> Tensor:
    """`style / content`, clamped to [0.7, 5]; 1 where neither has anything, whatever the sign of both."""
    sign = content.sign() + (content == 0)
    return ((style + sign * _FLOOR) / (content + sign * _FLOOR)).clamp(LEAST_GAIN, MOST_GAIN)


def _local_moments(maps: Tensor, window: int) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation over windows around each position, both (B, N, H, W)."""
    mean = _local_mean(maps, window)
    variance = _local_mean(maps.square(), window) - mean.square()
    return mean, variance.clamp_min(0).sqrt()


def _local_mean(maps: Tensor, window: int) -> Tensor:
    return F.avg_pool2d(maps, window, stride=1, padding=window // 2, count_include_pad=False)
