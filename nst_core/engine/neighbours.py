"""Neural neighbours: feature vectors of one picture replaced by the nearest ones of another.

Kolkin, Kucera, Paris, Sýkora, Shechtman, Shakhnarovich 2022, "Neural Neighbor Style Transfer" (arXiv 2203.13215).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from nst_core.engine.losses import at_least_float32

TILE_BYTES = 64 * 2**20
"""Memory that a tile of distances may take."""

GRID = 64
"""Most positions along a side of the grid on which features are matched anew at each evaluation."""


def hypercolumns(maps: Sequence[Tensor], shape: Sequence[int]) -> Tensor:
    """The vectors of several layers at each place: (B, N₁ + N₂ + …, h, w), float32 or float64.

    Each layer, (B, Nₖ, Hₖ, Wₖ), is divided by its number of channels, so that wide ones do not count for more, and
    resized bilinearly to `shape`, (h, w); their section 3.1.
    """
    columns = []
    for layer in map(at_least_float32, maps):
        if tuple(layer.shape[2:]) != tuple(shape):
            layer = F.interpolate(layer, tuple(shape), mode="bilinear")
        columns.append(layer / layer.shape[1])
    return torch.cat(columns, dim=1)


def quarter(height: int, width: int) -> tuple[int, int]:
    """The (height, width) of the hypercolumns of an image: a quarter of its sides, rounded down, at least 1."""
    return max(1, height // 4), max(1, width // 4)


@torch.no_grad()
def nearest_indices(queries: Tensor, candidates: Tensor, centred: bool = True) -> Tensor:
    """For each query the index of the candidate of least cosine distance: (M, N) and (K, N) -> (M,) int64.

    Args:
        centred: subtract each set's mean first (section 3.2).

    The matrix of distances is made in tiles of at most `TILE_BYTES`. Of equally near candidates the first is taken.
    """
    queries, candidates = unit(queries, centred), unit(candidates, centred)
    rows = max(1, TILE_BYTES // (queries.element_size() * len(candidates)))
    return torch.cat([(tile @ candidates.T).argmax(dim=1) for tile in torch.split(queries, rows)])


def unit(vectors: Tensor, centred: bool = False) -> Tensor:
    """Vectors (…, M, N) at length 1, where they have one; with `centred`, the mean of each set subtracted first."""
    if centred:
        vectors = vectors - vectors.mean(dim=-2, keepdim=True)
    return F.normalize(vectors, dim=-1, eps=torch.finfo(vectors.dtype).tiny ** 0.5)


def replaced_by_nearest(queries: Tensor, candidates: Tensor, centred: bool = True) -> Tensor:
    """Each place's vector replaced by its nearest candidate: (N, h, w) and (K, N) -> (N, h, w)."""
    flat = queries.flatten(1).T
    return candidates[nearest_indices(flat, candidates, centred)].T.reshape(queries.shape)


def cosine_distance(features: Tensor, targets: Tensor, weights: Tensor | None = None) -> Tensor:
    """Mean over places of 1 − cos(vector, its target), not centred, per image: two of (B, N, …) -> (B,).

    Section 3.3, eq. 1. With weights of the places, (B, P), their sum by these.
    """
    features, targets = at_least_float32(features).flatten(2), at_least_float32(targets).flatten(2)
    eps = torch.finfo(features.dtype).tiny ** 0.5
    cosines = (F.normalize(features, dim=1, eps=eps) * F.normalize(targets, dim=1, eps=eps)).sum(dim=1)
    return 1 - cosines.mean(dim=1) if weights is None else ((1 - cosines) * weights).sum(dim=1)


def random_grid(height: int, width: int, generator: torch.Generator, most: int = GRID) -> tuple[slice, slice]:
    """Slices of rows and columns, evenly spaced from a random offset, of at most `most` each.

    The spacing is the least that allows it; the offset is drawn by `generator` (on the CPU).
    """
    return _random_steps(height, generator, most), _random_steps(width, generator, most)


def _random_steps(length: int, generator: torch.Generator, most: int) -> slice:
    step = -(-length // most)
    count = length // step  # whatever the offset, so that the grids of a batch are one tensor
    offset = int(torch.randint(length - step * (count - 1), (), generator=generator))
    return slice(offset, offset + step * (count - 1) + 1, step)


def split_targets(columns: Tensor, candidates: Tensor, channels: Sequence[int]) -> Tensor:
    """The nearest candidates, sought layer by layer, centred ("feature splitting", section 3.4).

    Args:
        columns: (N, h, w) hypercolumns of one image at some places.
        candidates: (K, N) hypercolumns of the style.
        channels: of each layer, in the order of the hypercolumns; N is their sum.

    Returns:
        (N, h, w): a mixture, in each place, of layers of different places of the style.
    """
    parts = zip(torch.split(columns, list(channels)), torch.split(candidates, list(channels), dim=1), strict=True)
    return torch.cat([replaced_by_nearest(layer, among) for layer, among in parts])


def split_cosine_distance(
    columns: Tensor, targets: Tensor, channels: Sequence[int], weights: Tensor | None = None
) -> Tensor:
    """The mean over layers of `cosine_distance`, per image: two of (B, N, …) -> (B,)."""
    parts = zip(torch.split(columns, list(channels), dim=1), torch.split(targets, list(channels), dim=1), strict=True)
    return torch.stack([cosine_distance(own, other, weights) for own, other in parts]).mean(dim=0)
