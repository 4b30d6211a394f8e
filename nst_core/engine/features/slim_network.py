"""A compact network that stands for VGG-19: a quarter of its channels, and per layer a linear map to them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")
"""The layers of VGG-19 that it stands for, one in each of four blocks."""

TEACHER_CHANNELS = (64, 128, 256, 512)
"""Of VGG-19, in each of them."""

WIDTHS = (16, 32, 64, 192)
"""Channels in each block."""

CONVOLUTIONS = (2, 2, 4, 1)
"""In each block, as VGG-19 has them as far as its fourth block's first."""

MEAN, STD = 0.45, 0.25
"""Of pixels, roughly: what images are normalised by."""

FIRST_OUTPUT = 0.1
"""Of the maps before training, as a share of what they are to give: an error of 1 falls faster than a larger one."""


class SlimNetwork(nn.Module):
    """Convolutions of 3 × 3 with ReLUs, halved by maxima between blocks, as VGG-19 (Simonyan and Zisserman 2014).

    Args:
        generator: of the initial weights, uniform as He et al. 2015 scale them: the same bits on every processor.

    Attributes:
        convolutions: by name, `conv1_1` …
        maps: per layer, P (N, C, 1, 1): features of C channels to the N of VGG-19 there, in units of `scales`.
        scales: per layer, the root mean square of VGG-19's activations.
    """

    scales: Tensor

    def __init__(self, widths: Sequence[int] = WIDTHS, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.widths = tuple(widths)
        self.convolutions, self.maps = nn.ModuleDict(), nn.ModuleDict()
        before = 3
        for block, (width, count) in enumerate(zip(widths, CONVOLUTIONS, strict=True), start=1):
            for number in range(1, count + 1):
                convolution = nn.Conv2d(before, width, 3, padding=1)
                nn.init.kaiming_uniform_(convolution.weight, nonlinearity="relu", generator=generator)
                nn.init.zeros_(convolution.bias)  # type: ignore[arg-type]
                self.convolutions[f"conv{block}_{number}"] = convolution
                before = width
            linear = nn.Conv2d(width, TEACHER_CHANNELS[block - 1], 1, bias=False)
            bound = FIRST_OUTPUT * (3 / width) ** 0.5
            nn.init.uniform_(linear.weight, -bound, bound, generator=generator)
            self.maps[LAYERS[block - 1]] = linear
        self.register_buffer("scales", torch.ones(len(LAYERS)))

    def forward(self, images: Tensor, depth: int = len(LAYERS), precision: torch.dtype | None = None) -> list[Tensor]:
        """The network's own features of images, (B, 3, H, W) in [0, 1], at the first `depth` layers: (B, C, H', W')."""
        x = ((images - MEAN) / STD).to(precision or images.dtype)
        found = []
        for block, count in enumerate(CONVOLUTIONS[:depth], start=1):
            if block > 1:
                x = F.max_pool2d(x, 2)
            for number in range(1, count + 1 if block < depth else 2):
                x = F.relu(self.convolutions[f"conv{block}_{number}"](x))
                if number == 1:
                    found.append(x)
        return found

    def projections(self) -> list[Tensor]:
        """Per layer the matrix P, (N, C), to VGG-19's channels, in its units; differentiable."""
        return [self.maps[layer].weight.flatten(1) * scale for layer, scale in zip(LAYERS, self.scales, strict=True)]  # type: ignore[operator]
