"""Content losses that compare structure rather than features: self-similarity, and the Laplacian of the image."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from nst_core.engine.losses import at_least_float32
from nst_core.engine.neighbours import unit


def self_similarity_loss(own: Tensor, content: Tensor) -> Tensor:
    """How differently places resemble one another, per image: vectors (B, M, N) and (B, M, N') -> (B,).

    Mean over columns of Σᵢ |Dᵢⱼ / Σₖ Dₖⱼ − D'ᵢⱼ / Σₖ D'ₖⱼ|, D and D' the cosine distances of each set within itself.
    Kolkin, Salavon, Shakhnarovich 2019 (STROTSS), eq. 7, which prints the mean over all entries: M times less,
    so that the number of places would decide the weight of content. At most 2.
    """
    return (_shares_of_distance(own) - _shares_of_distance(content)).abs().sum(dim=1).mean(dim=1)


def _shares_of_distance(vectors: Tensor) -> Tensor:
    """Cosine distances (B, M, M), each column divided by its sum."""
    turned = unit(at_least_float32(vectors))
    distances = (1 - turned @ turned.mT).clamp_min(0)
    return distances / distances.sum(dim=1, keepdim=True).clamp_min(torch.finfo(distances.dtype).eps)


def laplacian_loss(images: Tensor, contents: Tensor, pool: int) -> Tensor:
    """Mean squared difference of the Laplacians of average-pooled images, values in 0–255: (B, 3, H, W) -> (B,).

    Li, Xu, Nie, Liu 2017, "Laplacian-Steered Neural Style Transfer", eq. 5 and 6: windows of `pool` × `pool`
    pixels (all of the image where it is smaller), the Laplacian summed over channels.
    """
    return (laplacian(images, pool) - laplacian(contents, pool)).square().flatten(1).mean(dim=1)


def laplacian(images: Tensor, pool: int) -> Tensor:
    """The Laplacian of images (B, 3, H, W), pooled, summed over channels, borders repeated: (B, 1, H/pool, W/pool)."""
    pool = min(pool, *images.shape[2:])
    values = 255 * at_least_float32(F.avg_pool2d(images, pool)).sum(dim=1, keepdim=True)
    padded = F.pad(values, (1, 1, 1, 1), mode="replicate")
    beside = padded[:, :, 1:-1, :-2] + padded[:, :, 1:-1, 2:] + padded[:, :, :-2, 1:-1] + padded[:, :, 2:, 1:-1]
    return beside - 4 * values
