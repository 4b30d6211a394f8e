"""The colours of a finished picture: chroma matched to a style's, and smoothed where the luminance is smooth.

The last step of Kolkin et al. 2022, "Neural Neighbor Style Transfer" (section 3.5).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from nst_core.engine.colour import ColourStatistics, colour_statistics, luminance, matching_map, with_luminance

RADIUS = 1 / 64
"""Radius of the smoothing windows, as a share of the longer side."""

EDGE = 0.02**2
"""Variance of the luminance, in [0, 1]², above which a window has an edge that the chroma keeps."""

_YIQ_CHROMA = ((0.595716, -0.274453, -0.321263), (0.211456, -0.522591, 0.311135))


def with_matched_chroma(images: Tensor, targets: ColourStatistics, weights: Tensor | None = None) -> Tensor:
    """Images with their own luminance, and their chroma at the mean and covariance of the targets': (B, 3, H, W).

    Then the chroma is smoothed by a filter that the luminance guides, so that it has edges only where that has. Clamped
    to [0, 1] without change of hue.

    Args:
        weights: (B, H, W): of the pixels whose colours are matched; by default all the same.
    """
    turn = images.new_tensor(_YIQ_CHROMA)
    own = colour_statistics(images, weights)
    here, there = (ColourStatistics(s.mean @ turn.T, turn @ s.covariance @ turn.T) for s in (own, targets))
    move = matching_map(here.covariance, there.covariance).to(images)
    chroma = torch.einsum("ij,bjhw->bihw", turn, images).flatten(2)
    moved = move @ (chroma - here.mean[..., None]) + there.mean[..., None]
    smooth = guided_filter(moved.view(len(images), 2, *images.shape[2:]), luminance(images))
    return with_luminance(images, _rgb(luminance(images), smooth))


def guided_filter(values: Tensor, guide: Tensor, radius: int | None = None, edge: float = EDGE) -> Tensor:
    """Values (B, C, H, W) as local linear functions of a guide, (B, 1, H, W).

    He, Sun, Tang 2010, "Guided Image Filtering".

    Args:
        radius: of the windows, in pixels; by default a share of the longer side.
        edge: their ε: windows whose guide varies by less are averaged.
    """
    radius = max(1, round(RADIUS * max(guide.shape[2:]))) if radius is None else radius

    def mean(planes: Tensor) -> Tensor:
        return F.avg_pool2d(planes, 2 * radius + 1, stride=1, padding=radius, count_include_pad=False)

    guide_mean, values_mean = mean(guide), mean(values)
    variance = mean(guide.square()) - guide_mean.square()
    slope = (mean(guide * values) - guide_mean * values_mean) / (variance.clamp_min(0) + edge)
    return mean(slope) * guide + mean(values_mean - slope * guide_mean)


def _rgb(light: Tensor, chroma: Tensor) -> Tensor:
    """RGB images, not clamped, of luminances (B, 1, H, W) and I and Q, (B, 2, H, W)."""
    turn = torch.linalg.inv(light.new_tensor([[0.299, 0.587, 0.114], *_YIQ_CHROMA]))
    return torch.einsum("ij,bjhw->bihw", turn, torch.cat([light, chroma], dim=1))
