"""Laplacian pyramids: exact, linear, differentiable."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from nst_core.engine.laplacian import from_pyramid, laplacian_pyramid, pyramid_shapes


def images(height: int, width: int) -> Tensor:
    return torch.rand(2, 3, height, width, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize("shape", [(16, 16), (37, 24), (5, 9), (4, 4), (3, 7), (1, 1)], ids=str)
@pytest.mark.parametrize("levels", [1, 2, 5, 8])
def test_a_pyramid_gives_its_images_back(shape: tuple[int, int], levels: int) -> None:
    original = images(*shape)
    parts = laplacian_pyramid(original, levels)
    assert [part.shape[2:] for part in parts] == [torch.Size(each) for each in pyramid_shapes(*shape, levels)]
    torch.testing.assert_close(from_pyramid(parts), original, rtol=0, atol=1e-14)


def test_levels_halve_until_a_side_would_be_less_than_two() -> None:
    assert pyramid_shapes(37, 24, 3) == [(37, 24), (18, 12), (9, 6)]
    assert pyramid_shapes(37, 24, 8) == [(37, 24), (18, 12), (9, 6), (4, 3)]
    assert pyramid_shapes(1, 90, 8) == [(1, 90)]


def test_a_flat_image_is_in_the_coarsest_part_alone() -> None:
    *finer, coarsest = laplacian_pyramid(torch.full((1, 3, 32, 24), 0.25, dtype=torch.float64), 4)
    assert all(part.abs().max() < 1e-14 for part in finer)
    torch.testing.assert_close(coarsest, torch.full_like(coarsest, 0.25))


def test_gradients() -> None:
    parts = [part.requires_grad_(True) for part in laplacian_pyramid(images(9, 12), 3)]
    assert torch.autograd.gradcheck(lambda *each: from_pyramid(each), parts)
