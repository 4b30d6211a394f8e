"""Measures of a picture, by closed forms and by scikit-image."""

from __future__ import annotations

import math
from dataclasses import astuple

import numpy as np
import pytest
import torch
from skimage.color import rgb2lab
from skimage.metrics import structural_similarity
from torch import Tensor

from nst_core.engine.colour import luminance
from nst_core.engine.features import build_extractor
from nst_core.engine.quality import Judge, cfsd, gram_distance, lab, self_similarity, ssim
from nst_core.engine.recipe import Recipe
from nst_core.engine.terms import ContentTerm, StyleTerm


@pytest.fixture(scope="module")
def judge() -> Judge:
    recipe = Recipe("judge", ContentTerm(()), StyleTerm((("second1", 1.0),)), features="wavelet")
    return Judge(build_extractor(recipe), "second1", ("first0", "first1", "second0"))


def picture(seed: int, height: int = 48, width: int = 64) -> Tensor:
    """Soft noise, (3, H, W)."""
    noise = torch.rand(1, 3, height // 4, width // 4, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.interpolate(noise, (height, width), mode="bicubic")[0].clamp(0, 1)


def test_the_content_itself_has_all_of_the_content(judge: Judge) -> None:
    content, style = picture(0), judge.style([picture(1)])
    (quality,) = judge.judge(content[None], content[None], [style])
    assert quality.cfsd == pytest.approx(0, abs=1e-6)
    assert quality.ssim == pytest.approx(1, abs=1e-6)
    assert quality.style_distance > 0.1
    assert quality.colour_distance > 1


def test_the_style_itself_has_all_of_the_style(judge: Judge) -> None:
    style = picture(1)
    (quality,) = judge.judge(style[None], picture(0)[None], [judge.style([style])])
    assert quality.style_distance == pytest.approx(0, abs=1e-4)
    assert quality.sliced_wasserstein == pytest.approx(0, abs=1e-5)
    assert quality.colour_distance == pytest.approx(0, abs=1e-4)
    assert quality.ssim < 0.9
    assert quality.cfsd > 0.01


def test_a_batch_is_judged_as_its_pictures_are_alone(judge: Judge) -> None:
    images, contents = torch.stack([picture(n) for n in range(3)]), torch.stack([picture(n + 5) for n in range(3)])
    styles = [judge.style([picture(n + 9, 40, 52)]) for n in range(3)]
    together = judge.judge(images, contents, styles)
    for row, quality in enumerate(together):
        (alone,) = judge.judge(images[row : row + 1], contents[row : row + 1], styles[row : row + 1])
        assert astuple(quality) == pytest.approx(astuple(alone), rel=1e-4)


def test_a_blend_lies_between_its_styles(judge: Judge) -> None:
    first, second = picture(1), picture(2, 40, 56)
    distances = []
    for share in (1.0, 0.5, 0.0001):
        style = judge.style([first, second], (share, 1 - share))
        (quality,) = judge.judge(first[None], first[None], [style])
        distances.append((quality.style_distance, quality.sliced_wasserstein))
    assert distances[0][0] < distances[1][0] < distances[2][0]
    assert distances[0][1] < distances[1][1] < distances[2][1]


def test_ssim_is_scikit_images() -> None:
    one, other = picture(0), (picture(0) + 0.3 * picture(1)).clamp(0, 1)
    grey = [luminance(x)[0].numpy().astype(np.float64) for x in (one, other)]
    expected = structural_similarity(
        *grey, data_range=1.0, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, truncate=3.33
    )
    assert ssim(luminance(one), luminance(other)) == pytest.approx(expected, abs=1e-6)


def test_ssim_of_an_image_smaller_than_its_window() -> None:
    assert ssim(torch.full((1, 3, 5), 0.5), torch.full((1, 3, 5), 0.5)) == pytest.approx(1)


def test_lab_is_scikit_images() -> None:
    image = torch.rand(3, 20, 30, generator=torch.Generator().manual_seed(3))
    expected = rgb2lab(image.permute(1, 2, 0).numpy())
    assert lab(image).permute(1, 2, 0).numpy() == pytest.approx(expected, abs=0.01)


def test_colour_distance_is_in_units_of_lab(judge: Judge) -> None:
    """Two greys are as far apart as their lightnesses."""
    dark, light = torch.full((3, 48, 64), 0.2), torch.full((3, 48, 64), 0.7)
    (quality,) = judge.judge(dark[None], dark[None], [judge.style([light])])
    expected = float((lab(light) - lab(dark))[:, 0, 0].norm())
    assert quality.colour_distance == pytest.approx(expected, rel=1e-3)


def test_gram_distance_is_the_geometric_mean_of_relative_distances() -> None:
    one, other = torch.eye(2), 3 * torch.eye(2)
    assert gram_distance({"a": other, "b": other}, {"a": one, "b": 2 * one}) == pytest.approx(math.sqrt(2 * 0.5))


def test_cfsd_is_the_divergence_of_the_rows() -> None:
    features = torch.randn(5, 3, 4, generator=torch.Generator().manual_seed(0))
    other = torch.randn(5, 3, 4, generator=torch.Generator().manual_seed(1))
    one, two = (self_similarity(x).double() for x in (features, other))
    flat = features.flatten(1).double() / features.double().square().mean().sqrt()
    assert one.exp() == pytest.approx((4 * flat.T @ flat / 5).softmax(dim=1), abs=1e-6)
    assert cfsd(two, one) == pytest.approx(float((one.exp() * (one - two)).sum() / 12), rel=1e-6)


def test_contrast_alone_loses_no_content() -> None:
    features = torch.rand(5, 6, 7, generator=torch.Generator().manual_seed(0))
    assert cfsd(self_similarity(3 * features), self_similarity(features)) == pytest.approx(0, abs=1e-5)


def test_cfsd_of_large_maps_takes_bounded_memory() -> None:
    assert self_similarity(torch.rand(4, 100, 90)).shape == (50 * 45, 50 * 45)
