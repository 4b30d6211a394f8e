"""Sizes, resizing, and pixels to tensors and back."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from image_samples import close, noise, picture
from PIL import Image

from nst_core.engine.images.pixels import (
    fit_pixels,
    fitted_size,
    pad_by_reflection,
    resize_pixels,
    to_pixels,
    to_tensor,
    working_size,
)
from nst_core.engine.working_size import Fit

pytestmark = pytest.mark.filterwarnings(r"ignore::UserWarning:PIL\.")  # about the metadata that we damage on purpose


sides = st.integers(1, 20_000)


@given(sides, sides, st.integers(1, 4096))
def test_the_longer_side_becomes_exactly_the_size(width: int, height: int, size: int) -> None:
    assert max(working_size(width, height, size, upscale=True)) == size


@given(sides, sides, st.integers(1, 4096), st.booleans())
def test_the_shorter_side_is_off_by_half_a_pixel_at_most(width: int, height: int, size: int, upscale: bool) -> None:
    new_width, new_height = working_size(width, height, size, upscale)
    long, short = (width, height) if width >= height else (height, width)
    new_long, new_short = (new_width, new_height) if width >= height else (new_height, new_width)
    assert new_short >= 1
    assert new_short == 1 or 2 * abs(new_short * long - new_long * short) <= long


@given(sides, sides, st.integers(1, 4096))
def test_nothing_is_enlarged_unasked(width: int, height: int, size: int) -> None:
    new = working_size(width, height, size)
    assert new[0] <= width
    assert new[1] <= height
    assert new == (width, height) or max(width, height) > size


def test_halves_are_rounded_to_even_as_python_rounds() -> None:
    assert working_size(200, 101, 100) == (100, round(100 * 101 / 200)) == (100, 50)
    assert working_size(200, 103, 100) == (100, round(100 * 103 / 200)) == (100, 52)
    assert working_size(101, 200, 100) == (50, 100)


def test_a_thin_image_keeps_a_pixel() -> None:
    assert working_size(10_000, 1, 100) == (100, 1)


@given(sides, sides, st.integers(1, 4096))
def test_the_shorter_side_becomes_the_size_where_it_is_named(width: int, height: int, size: int) -> None:
    new = working_size(width, height, size, upscale=True, side="shorter")
    assert min(new) == size
    assert (new[0] >= new[1]) == (width >= height) or new[0] == new[1]


@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 30), st.integers(0, 30))
def test_padding_repeats_the_image_in_mirrors(width: int, height: int, right: int, below: int) -> None:
    image = torch.rand(3, height, width)
    made = pad_by_reflection(image, width + right, height + below)
    expected = np.pad(image.numpy(), ((0, 0), (0, below), (0, right)), mode="symmetric")
    assert np.array_equal(made.numpy(), expected)


@pytest.mark.parametrize("sizes", [(0, 5, 5), (5, 0, 5), (5, 5, 0)])
def test_sizes_must_be_positive(sizes: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="positive"):
        working_size(*sizes)


def test_resizing_to_the_same_size_changes_nothing() -> None:
    assert resize_pixels(noise(), 48, 32) is not None
    assert np.array_equal(resize_pixels(noise(), 48, 32), noise())


def test_resizing_keeps_the_picture() -> None:
    small = resize_pixels(picture(480, 320), 48, 32)
    assert small.shape == (32, 48, 3)
    assert close(small, picture(), by=8)


def test_resizing_does_not_alias() -> None:
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 255
    assert close(resize_pixels(stripes, 16, 16), np.full((16, 16, 3), 128), by=24)


def test_to_tensor_is_channels_first_float32_in_0_to_1() -> None:
    tensor = to_tensor(noise())
    assert tensor.shape == (3, 32, 48)
    assert tensor.dtype == torch.float32
    assert tensor.is_contiguous()
    assert tensor[1, 2, 3] == np.float32(noise()[2, 3, 1]) / np.float32(255)


def test_tensor_and_back_is_exact_for_every_level() -> None:
    levels = np.arange(256, dtype=np.uint8).repeat(3).reshape(16, 16, 3)
    assert np.array_equal(to_pixels(to_tensor(levels)), levels)


def test_a_tensor_does_not_share_memory_with_its_pixels() -> None:
    pixels = noise()
    pixels.setflags(write=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        to_tensor(pixels).zero_()
    assert np.array_equal(pixels, noise())


def test_to_pixels_clamps_and_rounds() -> None:
    image = torch.tensor([-5.0, 0.4 / 255, 0.6 / 255, 7.0]).reshape(1, 2, 2).expand(3, 2, 2)
    assert to_pixels(image)[..., 0].ravel().tolist() == [0, 0, 1, 255]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_to_pixels_takes_every_float_type_and_tensors_with_gradients(dtype: torch.dtype) -> None:
    pixels = to_pixels(torch.full((3, 4, 5), 0.5, dtype=dtype, requires_grad=True))
    assert pixels.shape == (4, 5, 3)
    assert pixels.flags.c_contiguous
    assert set(pixels.ravel().tolist()) == {128}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_to_pixels_refuses_what_is_not_finite(value: float) -> None:
    image = torch.zeros(3, 4, 4)
    image[1, 2, 3] = value
    with pytest.raises(ValueError, match="finite"):
        to_pixels(image)


@pytest.mark.parametrize("shape", [(1, 3, 4, 4), (4, 4, 3), (4, 4)])
def test_to_pixels_refuses_other_shapes(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"\(3, H, W\)"):
        to_pixels(torch.zeros(shape))


def test_to_tensor_refuses_other_shapes_and_types() -> None:
    for pixels in (np.zeros((4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8), np.zeros((4, 4, 3), np.float32)):
        with pytest.raises(ValueError, match="uint8"):
            to_tensor(pixels)


@pytest.mark.parametrize("size", [(640, 427), (427, 640), (100, 99), (33, 200), (512, 512)])
@pytest.mark.parametrize("side", [64, 96, 512])
def test_bilinear_fits_are_torchvision_s(size: tuple[int, int], side: int) -> None:
    """To the pixel: `Resize(side)` of a picture, as the public transfer tools have it."""
    from torchvision.transforms import Resize

    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    fit = Fit(side, "shorter", True, "bilinear")
    theirs = np.asarray(Resize(side)(Image.fromarray(pixels)))
    assert fitted_size(*size, fit) == (theirs.shape[1], theirs.shape[0])
    assert np.array_equal(fit_pixels(pixels, fit), theirs)


@pytest.mark.parametrize("size", [(640, 427), (427, 641), (100, 99), (301, 200)])
def test_a_crop_is_torchvision_s_too(size: tuple[int, int]) -> None:
    from torchvision.transforms import CenterCrop, Compose, Resize

    pixels = np.random.default_rng(1).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    theirs = np.asarray(Compose([Resize(96), CenterCrop(83)])(Image.fromarray(pixels)))
    fit = Fit(96, "shorter", True, "bilinear", crop=83)
    assert fitted_size(*size, fit) == (83, 83)
    assert np.array_equal(fit_pixels(pixels, fit), theirs)
    assert fitted_size(50, 20, Fit(64, crop=32)) == (32, 20)


def test_a_fit_enlarges_only_where_it_may() -> None:
    for resizing in ("lanczos", "bilinear"):
        assert fitted_size(40, 30, Fit(64, resizing=resizing)) == (40, 30)
        assert fitted_size(40, 30, Fit(64, upscale=True, resizing=resizing)) == (64, 48)
        assert fitted_size(1000, 1, Fit(10, resizing=resizing)) == (10, 1)
