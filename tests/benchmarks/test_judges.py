"""The judges against closed forms: a judge that is wrong would praise the wrong recipe."""

from __future__ import annotations

import pytest
import torch
from judges import gram_distance, gram_judge, structure
from patches import PATCH, orthonormal, patch_distance, sliced_wasserstein
from torch import Tensor

from nst_core.engine.features.base import Extractor


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


class Pixels(Extractor):
    """The image itself as its only feature map."""

    layers = ("pixels",)

    def forward(self, images: Tensor, layers: object) -> dict[str, Tensor]:
        return {"pixels": images}


def test_directions_are_orthonormal() -> None:
    basis = orthonormal(147)
    torch.testing.assert_close(basis @ basis.T, torch.eye(147), atol=1e-5, rtol=0)


def test_flat_images_are_as_far_apart_as_their_colours() -> None:
    colour = torch.tensor([0.3, -0.1, 0.2])
    image = torch.full((3, 40, 50), 0.5)
    expected = float(colour.square().mean().sqrt())
    assert patch_distance(image, image + colour.view(3, 1, 1)) == pytest.approx(expected, rel=1e-4)


def test_brightening_a_texture_moves_all_its_patches_alike() -> None:
    texture = noise(3, 40, 50) / 2
    assert sliced_wasserstein(texture, texture + 0.25) == pytest.approx(0.25, rel=1e-4)


def test_contrast_of_white_noise_moves_patches_by_the_difference_of_its_deviations() -> None:
    """The projections are Gaussian, and the distance of two centred Gaussians is that of their deviations."""
    texture = torch.randn(3, 200, 200, generator=torch.Generator().manual_seed(0))
    assert sliced_wasserstein(0.3 * texture, 0.1 * texture) == pytest.approx(0.2, rel=0.02)


def test_the_places_of_patches_do_not_matter_and_their_own_distance_is_nil() -> None:
    texture, side = noise(3, 16, 16).tile(1, 5, 5), 2 * 16 + PATCH - 1  # patches of whole periods
    here, there = texture[:, :side, :side], texture[:, 9 : 9 + side, 4 : 4 + side]
    assert patch_distance(here, here) == 0
    assert sliced_wasserstein(here, there) < 1e-5


def test_images_of_different_sizes_can_be_compared() -> None:
    assert sliced_wasserstein(noise(3, 120, 90), noise(3, 64, 128, seed=1)) < 0.02


def test_gram_distance_of_a_dimmed_image() -> None:
    """The Gram matrix grows with the square: |a² - 1| of it is left."""
    image = noise(3, 20, 20)
    assert gram_distance(0.5 * image, image, Pixels(), ["pixels"]) == pytest.approx(0.75, rel=1e-4)


def test_a_network_finds_a_texture_nearer_to_its_shifted_self_than_to_its_transpose() -> None:
    judge = gram_judge("wavelet")
    stripes = (torch.arange(96) % 8 < 4).float().expand(3, 96, 96).clone()
    assert judge(stripes.roll(3, dims=2), stripes) < 0.3 * judge(stripes.transpose(1, 2), stripes)


def test_structure_is_lost_by_noise_and_not_by_hue() -> None:
    image = noise(3, 64, 64)
    assert structure(image, image) == pytest.approx(1)
    assert structure(noise(3, 64, 64, seed=1), image) < 0.1
    tinted = image * 0.5 + torch.tensor([0.114, 0.0, -0.299]).view(3, 1, 1)  # of no luminance
    assert structure(tinted, image * 0.5) > 0.999
