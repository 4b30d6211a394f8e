"""Colour statistics, and the map that carries one image's colours to another's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

_RIDGE = 1e-5


@dataclass(frozen=True)
class ColourStatistics:
    """Mean (3,) and covariance (3, 3) of an image's pixels, sRGB in [0, 1]."""

    mean: Tensor
    covariance: Tensor


def colour_statistics(image: Tensor) -> ColourStatistics:
    """Mean and covariance of one image, (3, H, W)."""
    pixels = image.flatten(1)
    mean = pixels.mean(dim=1)
    centred = pixels - mean[:, None]
    return ColourStatistics(mean, centred @ centred.T / pixels.shape[1])


def blend_statistics(parts: Sequence[ColourStatistics], shares: Sequence[float]) -> ColourStatistics:
    """Statistics of the mixture that takes `shares` (they sum to 1) of its pixels from each part."""
    mean = torch.stack([s * p.mean for p, s in zip(parts, shares, strict=True)]).sum(dim=0)
    spread = [
        s * (p.covariance + torch.outer(p.mean - mean, p.mean - mean)) for p, s in zip(parts, shares, strict=True)
    ]
    return ColourStatistics(mean, torch.stack(spread).sum(dim=0))


def match_colours(image: Tensor, target: ColourStatistics) -> Tensor:
    """The linear map of least change that gives `image`, (3, H, W), the target's mean and covariance; clamped.

    The optimal transport between two Gaussians: `C^-½ (C^½ T C^½)^½ C^-½` with covariances C and T (Pitié and Kokaram
    2007, "The linear Monge-Kantorovitch linear colour mapping").
    """
    own = colour_statistics(image)
    ridge = _RIDGE * torch.eye(3, dtype=image.dtype, device=image.device)
    root = _power(own.covariance + ridge, 0.5)
    inverse_root = _power(own.covariance + ridge, -0.5)
    transport = inverse_root @ _power(root @ (target.covariance + ridge) @ root, 0.5) @ inverse_root
    moved = transport @ (image.flatten(1) - own.mean[:, None]) + target.mean[:, None]
    return moved.reshape(image.shape).clamp(0, 1)


def _power(matrix: Tensor, exponent: float) -> Tensor:
    """A power of a symmetric positive matrix; in float64 on the CPU, since three by three is not worth a kernel."""
    values, vectors = torch.linalg.eigh(matrix.double().cpu())
    powered = vectors @ torch.diag(values.clamp_min(1e-10) ** exponent) @ vectors.T
    return torch.as_tensor(powered, dtype=matrix.dtype, device=matrix.device)
