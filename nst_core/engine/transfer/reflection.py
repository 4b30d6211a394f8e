"""Convolutions with reflection at the border, the layers of transfer networks."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class ReflectedConv2d(nn.Conv2d):
    """A convolution of k × k over maps reflected at their border by k / 2, so that only its stride makes them smaller.

    As `nn.Conv2d` with `padding_mode="reflect"`, whose gradient on CUDA differs from one computation to the next in
    its last bits (sums in whatever order); this one's is the same each time, which a resumed training needs.
    """

    def __init__(self, before: int, after: int, kernel: int, stride: int = 1) -> None:
        super().__init__(before, after, kernel, stride)

    def forward(self, input: Tensor) -> Tensor:
        width = self.kernel_size[0] // 2
        if not width:
            return super().forward(input)
        exact = input.is_cuda and input.requires_grad
        return super().forward(reflected(input, width) if exact else F.pad(input, [width] * 4, mode="reflect"))


def reflected(maps: Tensor, width: int) -> Tensor:
    """Maps (B, C, H, W) reflected at their border, (B, C, H + 2 width, W + 2 width), by copies alone."""
    for dim in (3, 2):
        first = maps.narrow(dim, 1, width).flip(dim)
        last = maps.narrow(dim, maps.shape[dim] - 1 - width, width).flip(dim)
        maps = torch.cat([first, maps, last], dim)
    return maps
