"""Feature maps as sets of vectors: positions drawn at random, and sorted values compared."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from nst_core.engine.losses import at_least_float32
from nst_core.engine.tiling.readings import Reading, VectorsAt, WholeMap


def drawn_positions(count: int, most: int | None, generator: torch.Generator) -> Tensor | None:
    """At most `most` of `count` positions, in order, each once, (most,) on the CPU; None: all of them."""
    if most is None or count <= most:
        return None
    return torch.randperm(count, generator=generator)[:most].sort().values


def vectors(maps: Tensor, positions: Tensor | None = None) -> Tensor:
    """The feature vectors at positions: (B, N, H, W) -> (B, N, M) in at least float32."""
    flat = maps.flatten(2)
    return at_least_float32(flat if positions is None else flat.index_select(2, positions))


def style_vectors(maps: Tensor, most: int | None) -> Tensor:
    """At most so many vectors of a style's maps, (1, N, H, W) -> (N, K), the same ones for the same shape."""
    return vectors(maps, style_positions(maps.shape, most, maps.device))[0].contiguous()


def style_positions(shape: torch.Size, most: int | None, device: torch.device) -> Tensor | None:
    """The positions of those vectors; None: all of them."""
    positions = drawn_positions(shape[2] * shape[3], most, torch.Generator().manual_seed(0))
    return None if positions is None else positions.to(device)


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
