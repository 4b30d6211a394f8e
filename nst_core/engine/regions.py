"""Regions of a picture: guidance for style losses (Gatys 2017), and parts that stay as the content shows them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from nst_core.engine.losses import gram_matrix

_LEAST_AREA = 1e-12


@dataclass(frozen=True)
class Regions:
    """The regions of one content.

    Attributes:
        guides: (R, H, W) float32 in [0, 1], at the size that is optimised: 1 where a region is.
        keep: (H, W) float32 in [0, 1]: 1 where the content stays, between 0 and 1 on its soft edge.
    """

    guides: Tensor
    keep: Tensor


@dataclass(frozen=True)
class RegionBatch:
    """The regions of a batch, those of pairs with fewer filled up with empty ones.

    Attributes:
        guides: (B, R, H, W).
        keep: (B, 1, H, W).
        shares: (B, R), each region's share of its image's area: the weight of its style loss, so that a region that
            is the whole image weighs 1, and a style pulls at each pixel as it would without regions.
    """

    guides: Tensor
    keep: Tensor
    shares: Tensor

    def composite(self, images: Tensor, contents: Tensor) -> Tensor:
        """`images` with the contents where these are kept, (B, C, H, W); no gradient reaches the kept pixels."""
        return torch.where(self.keep == 1, contents, images * (1 - self.keep) + contents * self.keep)

    def grams(self, maps: Tensor) -> Tensor:
        """The guided Gram matrix of each region: (B, N, h, w) -> (B, R, N, N)."""
        guides = guides_at(self.guides, maps.shape[2], maps.shape[3])
        return torch.stack([guided_gram(maps, guides[:, r]) for r in range(guides.shape[1])], dim=1)


def region_batch(regions: Sequence[Regions | None], contents: Tensor) -> RegionBatch | None:
    """The regions of a batch, contents (B, C, H, W); None where no pair has any. A pair without is one region."""
    if all(one is None for one in regions):
        return None
    height, width = contents.shape[2:]
    most = max(1 if one is None else len(one.guides) for one in regions)
    guides = contents.new_zeros((len(contents), most, height, width), dtype=torch.float32)
    keep = contents.new_zeros((len(contents), 1, height, width), dtype=torch.float32)
    for row, one in enumerate(regions):
        if one is None:
            guides[row, 0] = 1
        else:
            guides[row, : len(one.guides)] = one.guides
            keep[row, 0] = one.keep
    return RegionBatch(guides, keep, guides.mean(dim=(2, 3)))


def guides_at(guides: Tensor, height: int, width: int) -> Tensor:
    """Guidance channels, (B, R, H, W), carried to a layer of h × w positions by average pooling, normalised.

    Gatys, Ecker, Bethge, Hertzmann, Shechtman 2017, "Controlling Perceptual Factors in Neural Style Transfer",
    section 4: ΣT² = 1 over the positions of a region; an empty region stays zero.
    """
    pooled = F.adaptive_avg_pool2d(guides, (height, width))
    return pooled / pooled.square().sum(dim=(2, 3), keepdim=True).clamp_min(_LEAST_AREA).sqrt()


def guided_gram(maps: Tensor, guide: Tensor) -> Tensor:
    """`(T∘F)(T∘F)ᵀ` with Σ T² = 1 (their eq. 4): maps (B, N, h, w), guide (B, h, w) -> (B, N, N).

    It is the plain Gram matrix divided by the positions where the guide is constant.
    """
    scaled = guide * math.sqrt(guide[0].numel())  # `gram_matrix` divides by the number of positions
    return gram_matrix(maps * scaled[:, None].to(maps.dtype))


def soft_mask(mask: Tensor, edge: int) -> Tensor:
    """A mask (H, W) of 0 and 1 with a linear edge: values change within `edge` pixels of the border only."""
    if edge <= 0:
        return mask
    padded = F.pad(mask[None, None], [edge] * 4, mode="replicate")
    return F.avg_pool2d(padded, 2 * edge + 1, stride=1)[0, 0]
