"""Pictures at the scales of a schedule.

All pictures of a pair are scaled by one factor, style and padded content alike, so that what was painted at a coarse
scale is as large at the next one as the style's strokes there; a batch of one shape stays one.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor

from nst_core.engine.working_size import scaled_side


def resized(images: Tensor, shape: Sequence[int]) -> Tensor:
    """Images (B, 3, H, W) at another shape (h, w), in [0, 1]: bicubic, without aliasing."""
    if tuple(images.shape[2:]) == tuple(shape):
        return images
    shrinks = shape[0] < images.shape[2]
    return F.interpolate(images, tuple(shape), mode="bicubic", antialias=shrinks).clamp(0, 1)


def scaled(images: Tensor, factor: float) -> Tensor:
    """An image (3, H, W), or images (B, 3, H, W), smaller by a factor."""
    if factor == 1:
        return images
    batch = images if images.ndim == 4 else images[None]
    found = resized(batch, [scaled_side(side, factor) for side in batch.shape[2:]])
    return found if images.ndim == 4 else found[0]
