"""Weights of convolutions by least squares, so that a training need not begin with random ones.

After He, Zhang, Sun 2017 ("Channel pruning for accelerating very deep neural networks"): each from what the network has
one layer before, so that errors do not add up.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

RIDGE = 1e-4
"""Added to the moments, as a share of their mean, before they are inverted."""

POSITIONS = 40_000
"""Most positions of a layer that least squares are made of, drawn at random."""


def fitted_convolution(padded: Tensor, target: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """The convolution of 3 × 3 that comes nearest to a target.

    Args:
        padded: maps (B, n, H + 2, W + 2), with their border.
        target: (B, N, H, W).
        generator: on the CPU; it draws positions.

    Returns:
        weight (9 n, N) and bias (N,), and the rows (M, N) of the target that they were fitted to.
    """
    patches, wanted = F.unfold(padded, 3).transpose(1, 2).flatten(0, 1), rows(target)
    if len(patches) > POSITIONS:
        places = torch.randperm(len(patches), generator=generator)[:POSITIONS].to(padded.device)
        patches, wanted = patches[places], wanted[places]
    solution = least_squares(F.pad(patches, (0, 1), value=1.0), wanted)
    return solution[:-1], solution[-1], wanted


def least_squares(inputs: Tensor, outputs: Tensor) -> Tensor:
    """(n, N) such that inputs (M, n) times it are outputs (M, N), nearly."""
    wide = inputs.double()
    moment = wide.T @ wide
    ridge = RIDGE * moment.diagonal().mean() * torch.eye(len(moment), dtype=moment.dtype, device=moment.device)
    solution: Tensor = torch.linalg.solve(moment + ridge, wide.T @ outputs.double())
    return solution.to(inputs.dtype)


def rows(maps: Tensor) -> Tensor:
    """(B, C, H, W) -> (B·H·W, C)."""
    return maps.permute(0, 2, 3, 1).flatten(0, 2)
