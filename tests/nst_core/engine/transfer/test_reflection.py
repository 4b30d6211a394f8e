"""Convolutions with reflection: torch's values and gradients, by copies alone."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from nst_core.engine.transfer.reflection import ReflectedConv2d, reflected


@pytest.mark.parametrize("width", [1, 4])
def test_maps_are_reflected_as_torch_does_it_with_its_gradient(width: int) -> None:
    weights = torch.randn(2, 3, 7 + 2 * width, 6 + 2 * width)
    values, gradients = [], []
    for pad in (reflected, lambda maps, width: F.pad(maps, [width] * 4, mode="reflect")):
        maps = torch.arange(2 * 3 * 7 * 6.0).view(2, 3, 7, 6).requires_grad_()
        values.append(pad(maps, width))
        (weights * values[-1]).sum().backward()
        gradients.append(maps.grad)
    assert torch.equal(*values)
    torch.testing.assert_close(*gradients)


@pytest.mark.parametrize(("kernel", "stride"), [(1, 1), (3, 1), (3, 2), (9, 1)])
def test_a_convolution_is_that_of_torch(kernel: int, stride: int) -> None:
    own = ReflectedConv2d(3, 4, kernel, stride)
    other = nn.Conv2d(3, 4, kernel, stride, padding=kernel // 2, padding_mode="reflect")
    other.load_state_dict(own.state_dict())
    maps = torch.randn(2, 3, 12, 11)
    torch.testing.assert_close(own(maps), other(maps), rtol=0, atol=0)
