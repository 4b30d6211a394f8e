"""What the optimiser moves: linear in the points, and the start where they are zero."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from nst_core.engine.features.convnets import TORCHVISION_MEAN, TORCHVISION_STD
from nst_core.engine.optimiser_settings import OptimiserSettings
from nst_core.engine.optimisers import Adam
from nst_core.engine.parametrisation import (
    Laplacian,
    Normalised,
    PixelParametrisation,
    Spectral,
    build_parametrisation,
)

SHAPES = [(2, 3, 4, 6), (1, 3, 5, 7), (1, 3, 7, 4), (1, 3, 1, 6), (1, 3, 6, 1), (1, 3, 1, 1)]

KINDS = {"none": PixelParametrisation, "normalised": Normalised, "spectral": Spectral, "laplacian": Laplacian}
both = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
any_shape = pytest.mark.parametrize("shape", SHAPES, ids=str)


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def built(kind: type[PixelParametrisation], shape: tuple[int, ...]) -> tuple[PixelParametrisation, Tensor]:
    """A parametrisation, and points for it."""
    parametrisation = kind(normal(*shape))
    return parametrisation, normal(*parametrisation.points().shape, seed=1)


@both
@any_shape
def test_zero_points_are_the_start(kind: type[PixelParametrisation], shape: tuple[int, ...]) -> None:
    parametrisation, points = built(kind, shape)
    assert torch.equal(parametrisation.image(torch.zeros_like(points)), parametrisation.start)


@both
@any_shape
def test_the_change_is_linear_in_the_points(kind: type[PixelParametrisation], shape: tuple[int, ...]) -> None:
    parametrisation, points = built(kind, shape)
    other = normal(*points.shape, seed=2)

    def change(at: Tensor) -> Tensor:
        return parametrisation.image(at) - parametrisation.start

    torch.testing.assert_close(change(2 * points - 3 * other), 2 * change(points) - 3 * change(other))


@both
@any_shape
def test_gradients(kind: type[PixelParametrisation], shape: tuple[int, ...]) -> None:
    parametrisation, points = built(kind, shape)
    assert torch.autograd.gradcheck(parametrisation.image, points.requires_grad_(True), fast_mode=True)


@both
def test_images_do_not_mix(kind: type[PixelParametrisation]) -> None:
    parametrisation, points = built(kind, (2, 3, 7, 9))
    points[0] = float("nan")
    torch.testing.assert_close(parametrisation.image(points)[1], kind(parametrisation.start[1:]).image(points[1:])[0])


@any_shape
def test_the_spectral_scale_has_a_mean_of_one_and_falls_with_frequency(shape: tuple[int, ...]) -> None:
    scale = Spectral(normal(*shape)).scale
    assert scale.mean().item() == pytest.approx(1)
    assert (scale[0].diff() <= 0).all()


@pytest.mark.parametrize("power", [0.25, 0.5, 1.0])
def test_a_wave_is_scaled_by_a_power_of_its_frequency(power: float) -> None:
    settings = OptimiserSettings(precondition="spectral", spectral_power=power)
    parametrisation = build_parametrisation(settings, torch.zeros(1, 3, 32, 32, dtype=torch.float64))
    x = torch.arange(32, dtype=torch.float64)
    slow, fast = (torch.cos(2 * torch.pi * k * x / 32).expand(1, 3, 32, 32) for k in (2, 8))
    ratios = [(parametrisation.image(wave.flatten(1)) / wave)[0, 0, 0, 0].item() for wave in (slow, fast)]
    assert ratios[0] / ratios[1] == pytest.approx(4**power)


@pytest.mark.parametrize("name", KINDS)
def test_the_recipe_names_the_parametrisation(name: str) -> None:
    built = build_parametrisation(OptimiserSettings(precondition=name), normal(1, 3, 4, 5))
    assert type(built) is KINDS[name]


def test_steps_on_the_normalised_image_are_those_of_code_that_optimises_it() -> None:
    mean, std = (torch.tensor(v, dtype=torch.float64).view(1, 3, 1, 1) for v in (TORCHVISION_MEAN, TORCHVISION_STD))
    image, wanted = normal(1, 3, 4, 5), normal(1, 3, 4, 5, seed=1)

    def loss(pixels: Tensor) -> Tensor:
        return (pixels - wanted).pow(4).sum()

    target = ((image - mean) / std).requires_grad_(True)
    theirs = torch.optim.Adam([target], lr=0.01)
    parametrisation = Normalised(image)
    points = parametrisation.points()
    ours = Adam(points, 0.01)
    for _ in range(20):
        theirs.zero_grad()
        loss(target * std + mean).backward()
        theirs.step()
        at = points.detach().requires_grad_(True)
        total = loss(parametrisation.image(at))
        points = ours.step(points, torch.autograd.grad(total, at)[0], total.detach()[None])
    torch.testing.assert_close(parametrisation.image(points), target.detach() * std + mean)


@both
def test_where_only_luminance_is_free_grey_stays_grey(kind: type[PixelParametrisation]) -> None:
    grey = normal(2, 1, 5, 7).expand(2, 3, 5, 7)
    parametrisation = kind(grey, 1)
    points = normal(*parametrisation.points().shape)
    assert points.shape == (2, 41 if kind is Laplacian else 35)
    images = parametrisation.image(points)
    assert torch.equal(images[:, :1].expand_as(images), images)
    torch.testing.assert_close((images - grey)[:, 1], kind(grey[:, :1], 1).image(points)[:, 0] - grey[:, 0])


def test_float32_stays_float32() -> None:
    start = torch.rand(1, 3, 5, 6)
    for kind in KINDS.values():
        parametrisation = kind(start)
        assert parametrisation.image(parametrisation.points()).dtype == torch.float32


@pytest.mark.parametrize("channels", [3, 1])
def test_points_are_resized_as_the_images_that_they_are(channels: int) -> None:
    small, factor = PixelParametrisation(normal(2, 3, 6, 8), channels), 2
    resample = small.resampler((12, 16))
    flat = resample(torch.full_like(small.points(), 0.25), "bilinear")
    torch.testing.assert_close(flat, torch.full((2, channels * 6 * 8 * factor**2), 0.25, dtype=torch.float64))
    points = normal(*small.points().shape, seed=3)
    assert torch.equal(small.resampler((6, 8))(points, "bicubic"), points)
    planes = points.view(2, channels, 6, 8)
    expected = torch.nn.functional.interpolate(planes, (12, 16), mode="bicubic").flatten(1)
    assert torch.equal(resample(points, "bicubic"), expected)


def test_a_step_on_a_pyramid_moves_areas_that_single_pixels_do_not_agree_on() -> None:
    """Adam's first step is the sign of each gradient: noise in pixels where the gradient is noise, not so in levels."""
    gradient = 0.1 + normal(1, 3, 32, 32)
    first = {}
    for kind in (PixelParametrisation, Laplacian):
        parametrisation = kind(torch.zeros(1, 3, 32, 32, dtype=torch.float64))
        at = parametrisation.points().requires_grad_(True)
        (own,) = torch.autograd.grad((parametrisation.image(at) * gradient).sum(), at)
        image = parametrisation.image(Adam(at, 0.01).step(at.detach(), own, torch.zeros(1)))
        first[kind] = image.mean().item()
    assert first[Laplacian] < 2 * first[PixelParametrisation] < 0
