"""Distances between sets of feature vectors: relaxed earth mover's distance, moments, palettes; places drawn at random.

Kolkin, Salavon, Shakhnarovich 2019, "Style Transfer by Relaxed Optimal Transport and Self-Similarity" (STROTSS, arXiv
1904.12785). Sets are (B, M, N): M vectors of N channels per image; images never mix.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from nst_core.engine.losses import at_least_float32
from nst_core.engine.neighbours import TILE_BYTES, unit
from nst_core.engine.regions import region_positions
from nst_core.engine.tiling.readings import LayerReading

Distance = Literal["cosine", "euclidean"]

_LEAST_SQUARE = 1e-12
"""Added to squared Euclidean distances: the root of 0 has no gradient."""


def relaxed_emd(own: Tensor, other: Tensor, distance: Distance = "cosine") -> Tensor:
    """max(meanᵢ minⱼ Cᵢⱼ, meanⱼ minᵢ Cᵢⱼ) per image, (B,): two of (B, M, N), M may differ. Equations 2 to 4.

    C is 1 − cos, or the Euclidean distance. It is never kept: the nearest vectors are found in tiles, and the distances
    to them alone are differentiated, which gives the same gradient.
    """
    own, other = at_least_float32(own), at_least_float32(other)
    to_other, to_own = _nearest(own, other, distance)
    there = _pair_distance(own, _gathered(other, to_other), distance).mean(dim=1)
    back = _pair_distance(_gathered(own, to_own), other, distance).mean(dim=1)
    return torch.maximum(there, back)


class Moments(NamedTuple):
    """Means (B, N) and covariances (B, N, N)."""

    mean: Tensor
    covariance: Tensor


def moments(vectors: Tensor) -> Moments:
    """The moments of sets of vectors, (B, M, N)."""
    vectors = at_least_float32(vectors)
    mean = vectors.mean(dim=1)
    centred = vectors - mean[:, None]
    return Moments(mean, centred.mT @ centred / vectors.shape[1])


def moment_distance(own: Moments, other: Moments) -> Tensor:
    """Mean |Δμ| + mean |ΔΣ| per image, (B,). Equation 6."""
    return (own.mean - other.mean).abs().mean(dim=1) + (own.covariance - other.covariance).abs().mean(dim=(1, 2))


def palette_distance(own: Tensor, other: Tensor) -> Tensor:
    """Relaxed earth mover's distance of colours, Euclidean, decorrelated, per image: two of (B, M, 3) RGB -> (B,)."""
    return relaxed_emd(decorrelated(own), decorrelated(other), "euclidean")


def decorrelated(colours: Tensor) -> Tensor:
    """RGB colours (…, 3) turned, by a rotation, so that the first channel is √3 times their mean."""
    turn = colours.new_tensor([[1, 1, 1], [1, -1, 0], [1, 1, -2]])
    return colours @ F.normalize(turn, dim=1).T


def random_places(count: int, generator: torch.Generator) -> Tensor:
    """`count` places of an image, uniformly at random: (count, 2) of x, y in [−1, 1], float32 on the CPU.

    One in each cell of a grid where `count` is a square number: as random, but no corner of the picture is left out.
    """
    side = round(count**0.5)
    if side**2 != count:
        return 2 * torch.rand(count, 2, generator=generator) - 1
    cells = torch.stack(torch.meshgrid(torch.arange(side), torch.arange(side), indexing="xy"), dim=-1).reshape(-1, 2)
    places: Tensor = 2 * (cells + torch.rand(count, 2, generator=generator)) / side - 1
    return places


def random_places_in(count: int, guide: Tensor, generator: torch.Generator) -> Tensor:
    """`count` places of a region, evenly at random, as `random_places` gives them: (count, 2); the guide is (H, W)."""
    height, width = guide.shape
    inside = region_positions(guide).cpu()
    steps = (torch.arange(count) + torch.rand(count, generator=generator)) / count * len(inside)
    pixels = inside[steps.long().clamp_max(len(inside) - 1)]
    corners = torch.stack([pixels % width, pixels // width], dim=1)
    return 2 * (corners + torch.rand(count, 2, generator=generator)) / torch.tensor([width, height]) - 1


def sampled(maps: Sequence[Tensor | LayerReading], places: Tensor) -> Tensor:
    """The hypercolumns at places of images: maps (B, Nₖ, Hₖ, Wₖ) and (B, M, 2) -> (B, M, N₁ + N₂ + …).

    Each layer is read bilinearly at its own resolution; section 3.1. Differentiable. What was read there of a layer,
    `SamplesAt` the same places, stands for its maps.
    """
    return torch.cat([_at_places(layer, places) for layer in maps], dim=1).transpose(1, 2)


def _at_places(maps: Tensor | LayerReading, places: Tensor) -> Tensor:
    """(B, N, M)."""
    if isinstance(maps, LayerReading):
        return maps.values
    layer = at_least_float32(maps)
    return F.grid_sample(layer, places[:, None].to(layer), align_corners=False, padding_mode="border")[:, :, 0]


@torch.no_grad()
def _nearest(own: Tensor, other: Tensor, distance: Distance) -> tuple[Tensor, Tensor]:
    """Indices (B, M) of each own vector's nearest other one, and (B, K) of each other vector's nearest own one."""
    if distance == "cosine":
        own, other = unit(own), unit(other)
    rows = max(1, TILE_BYTES // (own.element_size() * other.shape[1]))
    there, back = [], []
    for mine, others in zip(own, other, strict=True):
        tiles = [_nearest_of_tile(tile, others, distance) for tile in mine.split(rows)]
        there.append(torch.cat([indices for indices, _, _ in tiles]))
        least = torch.stack([values for _, values, _ in tiles])  # (tiles, K)
        winners = least.argmin(dim=0)
        indices = torch.stack([tile_rows + rows * number for number, (_, _, tile_rows) in enumerate(tiles)])
        back.append(indices.gather(0, winners[None])[0])
    return torch.stack(there), torch.stack(back)


def _nearest_of_tile(tile: Tensor, others: Tensor, distance: Distance) -> tuple[Tensor, Tensor, Tensor]:
    """Of a tile (R, N) and others (K, N): the nearest other of each row, and each other's least distance and row."""
    costs = -(tile @ others.T) if distance == "cosine" else torch.cdist(tile, others)
    values, rows = costs.min(dim=0)
    return costs.argmin(dim=1), values, rows


def _gathered(vectors: Tensor, indices: Tensor) -> Tensor:
    return vectors.gather(1, indices[..., None].expand(-1, -1, vectors.shape[2]))


def _pair_distance(own: Tensor, other: Tensor, distance: Distance) -> Tensor:
    """Distances of vectors pair by pair: two of (B, M, N) -> (B, M)."""
    if distance == "cosine":
        return 1 - (unit(own) * unit(other)).sum(dim=2)
    distances: Tensor = ((own - other).square().sum(dim=2) + _LEAST_SQUARE).sqrt() - _LEAST_SQUARE**0.5
    return distances
