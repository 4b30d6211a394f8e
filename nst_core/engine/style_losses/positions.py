"""Feature maps as sets of vectors: positions drawn at random, and sorted values compared."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from nst_core.engine.losses import at_least_float32
from nst_core.engine.regions import region_positions
from nst_core.engine.tiling.readings import Reading, VectorsAt, WholeMap


def drawn_positions(count: int, most: int | None, generator: torch.Generator) -> Tensor | None:
    """At most `most` of `count` positions, in order, each once, (most,) on the CPU; None: all of them."""
    if most is None or count <= most:
        return None
    return torch.randperm(count, generator=generator)[:most].sort().values


def positions_of(
    maps: Tensor, most: int | None, generator: torch.Generator, guide: Tensor | None = None
) -> Tensor | None:
    """At most so many positions of maps (B, N, h, w), drawn on the CPU, on the maps' device; None: all of them.

    Args:
        guide: (h, w), of the region to draw from.
    """
    if guide is None:
        drawn = drawn_positions(maps.shape[2] * maps.shape[3], most, generator)
        return None if drawn is None else drawn.to(maps.device)
    inside = region_positions(guide)
    drawn = drawn_positions(len(inside), most, generator)
    return inside if drawn is None else inside[drawn.to(inside.device)]


def vectors(maps: Tensor, positions: Tensor | None = None) -> Tensor:
    """The feature vectors at positions: (B, N, H, W) -> (B, N, M) in at least float32."""
    flat = maps.flatten(2)
    return at_least_float32(flat if positions is None else flat.index_select(2, positions))


def style_vectors(maps: Tensor, most: int | None, guide: Tensor | None = None) -> Tensor:
    """At most so many vectors of a style's maps, (1, N, H, W) -> (N, K), the same for one shape and region."""
    return vectors(maps, style_positions(maps, most, guide))[0].contiguous()


def style_positions(maps: Tensor, most: int | None, guide: Tensor | None = None) -> Tensor | None:
    """The positions of those vectors; None: all of them."""
    return positions_of(maps, most, torch.Generator().manual_seed(0), guide)


def vectors_at(positions: Tensor | None) -> Reading:
    """The reading of the vectors at positions; of all, the whole map."""
    return WholeMap() if positions is None else VectorsAt(positions)


def in_order(values: Tensor) -> Tensor:
    """Values sorted along the last dimension; differentiable. On a CPU NumPy sorts, ten times as fast as torch."""
    if not values.is_cpu:
        return values.sort(dim=-1).values
    plain = values.detach().numpy()
    if not values.requires_grad:
        return torch.from_numpy(np.sort(plain, axis=-1))
    return values.gather(-1, torch.from_numpy(np.argsort(plain, axis=-1)))


def sorted_error(values: Tensor, targets: Tensor) -> Tensor:
    """Mean squared difference between sorted values, (B, P, M) and (B or 1, P, K), over P and ranks: (B,).

    The squared Wasserstein distance in one dimension; the shorter set is stretched by repetition (Heitz et al. 2021).
    """
    ordered, wanted = in_order(values), in_order(targets)
    longest = max(ordered.shape[2], wanted.shape[2])
    return (_stretched(ordered, longest) - _stretched(wanted, longest)).square().mean(dim=(1, 2))


def _stretched(ordered: Tensor, count: int) -> Tensor:
    own = ordered.shape[2]
    if own == count:
        return ordered
    return ordered.index_select(2, torch.arange(count, device=ordered.device) * own // count)
