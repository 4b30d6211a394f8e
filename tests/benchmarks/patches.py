"""A yardstick that belongs to no extractor: how far the small patches of two images are from each other.

Sliced Wasserstein distances of colour patches, in the spirit of Rabin, Peyré, Delon, Bernot 2011 ("Wasserstein
Barycenter and its Application to Texture Mixing") and of Elnekave and Weiss 2022 ("Generating natural images with
direct patch distributions matching").
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

PATCH, SCALES, QUANTILES = 7, 3, 1024


def patch_distance(image: Tensor, other: Tensor) -> float:
    """Mean over three octaves of the sliced Wasserstein distance between 7 × 7 colour patches; (3, H, W) in [0, 1].

    In grey levels: two flat images are as far apart as their colours' root mean square difference.
    """
    distances = []
    for _ in range(SCALES):
        distances.append(sliced_wasserstein(image, other))
        image, other = halved(image), halved(other)
    return sum(distances) / SCALES


def sliced_wasserstein(image: Tensor, other: Tensor) -> float:
    """Root mean square, over directions and quantiles, of the difference of two images' projected patches.

    The directions are an orthonormal basis turned at random: shifting all patches by a vector d then moves them by
    exactly ‖d‖ / √(number of values in a patch). The sizes of the images may differ.
    """
    directions = orthonormal(image.shape[0] * PATCH * PATCH).to(image).view(-1, image.shape[0], PATCH, PATCH)
    difference = projected_quantiles(image, directions) - projected_quantiles(other, directions)
    return float(difference.square().mean().sqrt())


def projected_quantiles(image: Tensor, directions: Tensor) -> Tensor:
    """(directions, QUANTILES): the sorted projections of all patches, at evenly spaced ranks."""
    values = F.conv2d(image[None], directions)[0].flatten(1).sort(dim=1).values
    return F.interpolate(values[None], QUANTILES, mode="linear", align_corners=True)[0]


def orthonormal(size: int) -> Tensor:
    """An orthonormal basis turned at random, the same one every time: (size, size)."""
    matrix = torch.randn(size, size, generator=torch.Generator().manual_seed(0))
    return torch.linalg.qr(matrix).Q


def halved(image: Tensor) -> Tensor:
    """Half the size, antialiased."""
    size = [max(PATCH, side // 2) for side in image.shape[1:]]
    return F.interpolate(image[None], size, mode="bilinear", antialias=True)[0]
