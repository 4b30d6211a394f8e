"""Regions of a picture: guidance for style losses (Gatys 2017), and parts that stay as the content shows them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from nst_core.engine.working_size import scaled_side

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

    def at(self, factor: float) -> Regions:
        """The regions at a scale of a schedule."""
        height, width = (scaled_side(side, factor) for side in self.keep.shape)
        planes = guides_at(torch.cat([self.guides, self.keep[None]]), height, width)
        return Regions(planes[:-1], planes[-1])

    def shares(self) -> list[float]:
        """Each region's share of the area: the weight of its style loss.

        So a region that is the whole image weighs 1, and a style pulls at each pixel as it would without regions.
        """
        shares: list[float] = self.guides.mean(dim=(1, 2)).tolist()
        return shares


@dataclass(frozen=True)
class RegionBatch:
    """The regions of a batch, those of pairs with fewer filled up with empty ones.

    Attributes:
        guides: (B, R, H, W).
        keep: (B, 1, H, W).
    """

    guides: Tensor
    keep: Tensor

    def composite(self, images: Tensor, contents: Tensor) -> Tensor:
        """`images` with the contents where these are kept, (B, C, H, W).

        Once, of the finished images: were it done before each evaluation, coarse features across a border would see the
        content on its other side, which no change on this side makes up for, but which bands along the border try to.
        """
        return torch.where(self.keep == 1, contents, images * (1 - self.keep) + contents * self.keep)

    def mixed(self, of_region: Callable[[int, Tensor], Tensor], rest: Tensor) -> Tensor:
        """Images or maps put together of those of each region, (B, C, h, w), and of `rest` where no region is.

        Args:
            of_region: called with the number of a region and its guides, (B, h, w).
        """
        guides = guides_at(self.guides, *rest.shape[2:])
        found = rest * (1 - guides.sum(dim=1, keepdim=True)).clamp(0, 1)
        for number in range(guides.shape[1]):
            guide = guides[:, number]
            found = found + guide[:, None] * of_region(number, guide)
        return found


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
    return RegionBatch(guides, keep)


def guides_at(guides: Tensor, height: int, width: int) -> Tensor:
    """Guides, (…, H, W), carried to a layer of h × w positions by average pooling: the area of a region in each."""
    if tuple(guides.shape[-2:]) == (height, width):
        return guides
    pooled = F.adaptive_avg_pool2d(guides.reshape(-1, 1, *guides.shape[-2:]), (height, width))
    return pooled.reshape(*guides.shape[:-2], height, width)


def guidance_channel(guides: Tensor) -> Tensor:
    """Guides (G, h, w) at a mean square of 1 over the positions, so that a constant one is 1; empty ones stay 0.

    The T of Gatys, Ecker, Bethge, Hertzmann, Shechtman 2017, "Controlling Perceptual Factors in Neural Style Transfer",
    section 4, which they norm to Σ T² = 1: times the root of the number of positions, by which `gram_matrix` divides.
    """
    return guides / guides.square().mean(dim=(1, 2), keepdim=True).clamp_min(_LEAST_AREA).sqrt()


def position_weights(guides: Tensor) -> Tensor:
    """Guides (G, h, w) as weights of the positions that sum to 1, (G, h·w)."""
    flat = guides.flatten(1)
    return flat / flat.sum(dim=1, keepdim=True).clamp_min(_LEAST_AREA)


def inside(guide: Tensor) -> Tensor:
    """Whether positions belong to a region, bool, of a guide of any shape. Does not wait for the device.

    Where the guide is more than half of its largest value: so a region smaller than the distance between two positions
    has one, too. Of an empty region, all.
    """
    most = guide.max()
    return (guide > most / 2) | (most <= 0)


def region_positions(guide: Tensor) -> Tensor:
    """The positions `inside` a region: indices into its guide, flattened, (M,)."""
    return torch.nonzero(inside(guide).flatten()).flatten()


def region_labels(guides: Sequence[Tensor], height: int, width: int) -> Tensor:
    """The number of the region that each of h × w positions belongs to, (h, w); −1: to none.

    The smaller of two regions goes before, or it might get none. Guides are (H, W).
    """
    labels = torch.full((height * width,), -1, device=guides[0].device)
    for number in sorted(range(len(guides)), key=lambda one: -float(guides[one].mean())):
        if bool(guides[number].any()):
            labels[region_positions(guides_at(guides[number], height, width))] = number
    return labels.view(height, width)


def soft_mask(mask: Tensor, edge: int) -> Tensor:
    """A mask (H, W) of 0 and 1 with a linear edge: values change within `edge` pixels of the border only."""
    if edge <= 0:
        return mask
    padded = F.pad(mask[None, None], [edge] * 4, mode="replicate")
    return F.avg_pool2d(padded, 2 * edge + 1, stride=1)[0, 0]
