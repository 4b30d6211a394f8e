"""Convolutions by least squares: one that made a target is found again."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from nst_core.engine.training.least_squares import fitted_convolution


def test_the_convolution_that_made_a_target_is_found() -> None:
    generator = torch.Generator().manual_seed(0)
    made = nn.Conv2d(4, 5, 3).requires_grad_(False)
    padded = F.pad(torch.randn(6, 4, 14, 15, generator=generator), [1] * 4, mode="reflect")
    weight, bias, rows = fitted_convolution(padded, made(padded), generator)
    torch.testing.assert_close(weight.T.reshape(made.weight.shape), made.weight, rtol=0, atol=2e-3)
    torch.testing.assert_close(bias, made.bias, rtol=0, atol=2e-3)
    assert rows.shape == (6 * 14 * 15, 5)
