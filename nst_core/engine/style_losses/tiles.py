"""Sums of losses over tiles in bounded memory: each tile's gradient is added up before the next tile is computed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

TILE_BYTES = 64 * 2**20
"""Memory of a tile's largest tensor; autograd keeps a few of them."""

Piece = Callable[[Tensor], Tensor]


def sum_of_tiles(features: Tensor, pieces: Sequence[Piece]) -> Tensor:
    """Σ piece(features) per image, (B,), for features (B, …): the memory of one piece at a time, and one gradient.

    Args:
        pieces: functions from the features to one value per image, images apart.
    """
    total: Tensor = _SumOfTiles.apply(features, pieces)
    return total


class _SumOfTiles(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, features: Tensor, pieces: Sequence[Piece]) -> Tensor:
        wanted = ctx.needs_input_grad[0]
        gradient = torch.zeros_like(features) if wanted else None
        total = features.new_zeros(len(features))
        for piece in pieces:
            leaf = features.detach().requires_grad_(wanted)
            with torch.set_grad_enabled(wanted):
                values = piece(leaf)
            total += values.detach()
            if gradient is not None:
                gradient += torch.autograd.grad(values, leaf, torch.ones_like(values))[0]
        if gradient is not None:
            ctx.save_for_backward(gradient)
        return total

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, outer: Tensor) -> tuple[Tensor, None]:
        (gradient,) = ctx.saved_tensors
        return outer.view(-1, *[1] * (gradient.ndim - 1)) * gradient, None


def tiles(count: int, bytes_each: int) -> Iterator[slice]:
    """Slices of `range(count)` whose items, of so many bytes each, fill at most a tile."""
    step = max(1, TILE_BYTES // max(1, bytes_each))
    return (slice(first, min(first + step, count)) for first in range(0, count, step))
