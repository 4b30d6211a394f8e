"""Colour statistics, and colour matching between images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

LUMINANCE = (0.299, 0.587, 0.114)
_RIDGE = 1e-5


@dataclass(frozen=True)
class ColourStatistics:
    """Mean (…, 3) and covariance (…, 3, 3) of images' pixels, sRGB in [0, 1]."""

    mean: Tensor
    covariance: Tensor


def colour_statistics(images: Tensor, weights: Tensor | None = None) -> ColourStatistics:
    """Mean and covariance of each image, (…, 3, H, W), over all its pixels, or as `weights`, (…, H, W), count them."""
    pixels = images.flatten(-2)
    if weights is not None:
        shares = weights.flatten(-2)[..., None, :]
        shares = shares / shares.sum(dim=-1, keepdim=True).clamp_min(1e-6)
        mean = (pixels * shares).sum(dim=-1)
        centred = pixels - mean[..., None]
        return ColourStatistics(mean, (centred * shares) @ centred.mT)
    mean = pixels.mean(dim=-1)
    centred = pixels - mean[..., None]
    return ColourStatistics(mean, centred @ centred.mT / pixels.shape[-1])


def stacked_statistics(parts: Sequence[ColourStatistics]) -> ColourStatistics:
    """The statistics of a batch from those of its images."""
    return ColourStatistics(torch.stack([p.mean for p in parts]), torch.stack([p.covariance for p in parts]))


def blend_statistics(parts: Sequence[ColourStatistics], shares: Sequence[float]) -> ColourStatistics:
    """Statistics of the mixture that takes `shares` (they sum to 1) of its pixels from each part."""
    mean = torch.stack([s * p.mean for p, s in zip(parts, shares, strict=True)]).sum(dim=0)
    spread = [
        s * (p.covariance + torch.outer(p.mean - mean, p.mean - mean)) for p, s in zip(parts, shares, strict=True)
    ]
    return ColourStatistics(mean, torch.stack(spread).sum(dim=0))


def match_colours(images: Tensor, targets: ColourStatistics, weights: Tensor | None = None) -> Tensor:
    """Map `images`, (…, 3, H, W), linearly to their targets' means and covariances, by the least change; clamped.

    With `weights`, (…, H, W), their own statistics are those of the pixels that weigh.

    The optimal transport between two Gaussians: `C^-½ (C^½ T C^½)^½ C^-½` with covariances C and T (Pitié and Kokaram
    2007, "The linear Monge-Kantorovitch linear colour mapping").
    """
    own = colour_statistics(images, weights)
    transport = matching_map(own.covariance, targets.covariance).to(images)
    moved = transport @ (images.flatten(-2) - own.mean[..., None]) + targets.mean[..., None]
    return moved.reshape(images.shape).clamp(0, 1)


def matching_map(own: Tensor, target: Tensor) -> Tensor:
    """The linear map of least change between Gaussians of these covariances, (…, n, n): float64, on the CPU.

    Fetched in one go; the formula is that of `match_colours`.
    """
    ridge = _RIDGE * torch.eye(own.shape[-1], dtype=torch.float64)
    own, target = torch.stack([own, target.expand_as(own)]).double().cpu() + ridge
    root, inverse_root = _power(own, 0.5), _power(own, -0.5)
    return inverse_root @ _power(root @ target @ root, 0.5) @ inverse_root


def luminance(images: Tensor) -> Tensor:
    """Luminance (ITU-R BT.601, the Y of YIQ) of images, (…, 3, H, W) -> (…, 1, H, W)."""
    red, green, blue = images.unbind(dim=-3)  # no tensor of weights: a captured graph cannot copy one to the device
    return (LUMINANCE[0] * red + LUMINANCE[1] * green + LUMINANCE[2] * blue).unsqueeze(-3)


def greyscale(images: Tensor) -> Tensor:
    """Greyscale images with their three channels, (…, 3, H, W)."""
    return luminance(images).expand_as(images)


def match_luminance(image: Tensor, content: Tensor) -> Tensor:
    """Grey version of `image` with the mean and standard deviation of the content's luminance: (3, H, W), not clamped.

    Gatys, Bethge, Hertzmann, Shechtman 2016, "Preserving Color in Neural Artistic Style Transfer", eq. 10.
    """
    own, target = luminance(image), luminance(content)
    spread = target.std(correction=0) / own.std(correction=0).clamp_min(1e-6)
    return (spread * (own - own.mean()) + target.mean()).expand_as(image)


def with_luminance(images: Tensor, contents: Tensor) -> Tensor:
    """Images with the luminance of `images` and the chroma (I and Q) of `contents`, both (B, 3, H, W); clamped.

    Clamping the sum alone would shift hues: the chroma is scaled down as far as the luminance leaves room for it.
    """
    light = luminance(images).clamp(0, 1)
    chroma = contents - luminance(contents)
    room = torch.where(chroma > 0, 1 - light, light) / chroma.abs().clamp_min(1e-6)
    return light + chroma * room.amin(dim=-3, keepdim=True).clamp_max(1.0)


def _power(matrices: Tensor, exponent: float) -> Tensor:
    """A power of symmetric positive matrices, (…, n, n)."""
    values, vectors = torch.linalg.eigh(matrices)
    powered: Tensor = (vectors * values.clamp_min(1e-10).pow(exponent)[..., None, :]) @ vectors.mT
    return powered
