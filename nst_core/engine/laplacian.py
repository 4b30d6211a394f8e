"""Laplacian pyramids: the parts of a picture at each of several resolutions (Burt and Adelson 1983)."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor

Shape = tuple[int, int]


def pyramid_shapes(height: int, width: int, levels: int) -> list[Shape]:
    """The (height, width) of each level, finest first: at most `levels`, ending before a side of less than 2 pixels."""
    shapes = [(height, width)]
    while len(shapes) < levels and min(shapes[-1]) >= 4:
        shapes.append((shapes[-1][0] // 2, shapes[-1][1] // 2))
    return shapes


def laplacian_pyramid(images: Tensor, levels: int) -> list[Tensor]:
    """The pyramid of images (B, C, H, W): what each level has beyond the next one enlarged, then a coarse image.

    `from_pyramid` gives the images back.
    """
    shapes = pyramid_shapes(images.shape[2], images.shape[3], levels)
    parts = []
    for shape in shapes[1:]:
        coarse = F.interpolate(images, shape, mode="bilinear", antialias=True)
        parts.append(images - _enlarged(coarse, images.shape[2:]))
        images = coarse
    return [*parts, images]


def from_pyramid(parts: Sequence[Tensor]) -> Tensor:
    """The images, (B, C, H, W), of a pyramid, finest part first: linear in the parts."""
    *finer, images = parts
    for part in reversed(finer):
        images = part + _enlarged(images, part.shape[2:])
    return images


def _enlarged(images: Tensor, shape: Sequence[int]) -> Tensor:
    return F.interpolate(images, tuple(shape), mode="bilinear")
