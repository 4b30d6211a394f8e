"""The colour map gives an image another's mean and covariance, and survives images that have no colours to speak of."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from nst_core.engine.colour import (
    ColourStatistics,
    blend_statistics,
    colour_statistics,
    greyscale,
    luminance,
    match_colours,
    match_luminance,
    stacked_statistics,
    with_luminance,
)


def coloured(seed: int, centre: float = 0.5, dtype: torch.dtype = torch.float64) -> Tensor:
    """An image of correlated mid-range colours, none of them degenerate, (3, 40, 30)."""
    generator = torch.Generator().manual_seed(seed)
    mixing = torch.eye(3) + 0.4 * torch.randn(3, 3, generator=generator, dtype=torch.float64)
    image = torch.rand(3, 40, 30, generator=generator, dtype=torch.float64) - 0.5
    image = torch.einsum("ij,jhw->ihw", mixing / mixing.abs().sum(dim=1, keepdim=True), image)
    return (centre + 0.5 * image).to(dtype)


def test_statistics_are_those_of_the_pixels() -> None:
    image = coloured(0)
    statistics = colour_statistics(image)
    torch.testing.assert_close(statistics.mean, image.mean(dim=(1, 2)))
    torch.testing.assert_close(statistics.covariance, torch.cov(image.flatten(1), correction=0))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_matched_colours_have_the_target_s_mean_and_covariance(dtype: torch.dtype) -> None:
    image, target = coloured(0, 0.45, dtype), colour_statistics(coloured(1, 0.55, dtype))
    matched = match_colours(image, target)
    assert matched.dtype == dtype
    assert 0 < matched.min() < matched.max() < 1, "clamped: choose milder colours"
    torch.testing.assert_close(colour_statistics(matched).mean, target.mean, atol=1e-5, rtol=0)
    torch.testing.assert_close(colour_statistics(matched).covariance, target.covariance, atol=5e-5, rtol=0)


def test_a_batch_is_matched_image_by_image() -> None:
    images, targets = [coloured(seed) for seed in range(3)], [colour_statistics(coloured(10 + s)) for s in range(3)]
    together = match_colours(torch.stack(images), stacked_statistics(targets))
    for image, target, matched in zip(images, targets, together, strict=True):
        torch.testing.assert_close(match_colours(image, target), matched)


def test_matching_an_image_to_its_own_colours_changes_nothing() -> None:
    image = coloured(0, dtype=torch.float32)
    torch.testing.assert_close(match_colours(image, colour_statistics(image)), image, atol=1e-5, rtol=0)


def test_the_map_moves_colours_no_more_than_it_must() -> None:
    """Of all linear maps with that outcome the optimal transport is the symmetric positive one."""
    image, target = coloured(0), colour_statistics(coloured(1))
    moved, centred = (x.flatten(1) - x.mean(dim=(1, 2))[:, None] for x in (match_colours(image, target), image))
    transport = torch.linalg.lstsq(centred.T, moved.T).solution.T
    torch.testing.assert_close(transport, transport.T, atol=1e-9, rtol=0)
    assert torch.linalg.eigvalsh(transport).min() > 0


def test_matched_colours_stay_in_range() -> None:
    matched = match_colours(coloured(0), colour_statistics(torch.rand(3, 9, 9, dtype=torch.float64).round()))
    assert matched.min() >= 0
    assert matched.max() <= 1


def test_a_grey_image_takes_on_the_target_s_tint_without_noise() -> None:
    grey = torch.linspace(0.3, 0.7, 1200).view(1, 40, 30).expand(3, -1, -1)
    target = colour_statistics(coloured(1, dtype=torch.float32))
    matched = match_colours(grey, target)
    torch.testing.assert_close(colour_statistics(matched).mean, target.mean, atol=1e-3, rtol=0)
    again = match_colours(grey + 1e-6 * torch.randn(3, 40, 30, generator=torch.Generator().manual_seed(0)), target)
    torch.testing.assert_close(again, matched, atol=1e-3, rtol=0)


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_a_flat_image_becomes_the_target_s_mean_colour(value: float) -> None:
    target = colour_statistics(coloured(1, dtype=torch.float32))
    matched = match_colours(torch.full((3, 8, 8), value), target)
    torch.testing.assert_close(matched, target.mean[:, None, None].expand(3, 8, 8), atol=1e-5, rtol=0)


def test_a_flat_target_flattens_the_image() -> None:
    matched = match_colours(coloured(0), colour_statistics(torch.full((3, 8, 8), 0.25, dtype=torch.float64)))
    assert (matched - 0.25).abs().max() < 0.02


def test_a_single_pixel_has_statistics() -> None:
    statistics = colour_statistics(torch.tensor([0.1, 0.2, 0.3]).view(3, 1, 1))
    assert torch.equal(statistics.covariance, torch.zeros(3, 3))


def test_blended_statistics_are_those_of_all_pixels_together() -> None:
    first, second, third = (
        coloured(0, 0.4).flatten(1),
        coloured(1, 0.5).flatten(1)[:, :600],
        coloured(2, 0.7).flatten(1),
    )
    together = torch.cat([first, second, third], dim=1)
    shares = [part.shape[1] / together.shape[1] for part in (first, second, third)]
    blended = blend_statistics([colour_statistics(p[:, None]) for p in (first, second, third)], shares)
    whole = colour_statistics(together[:, None])
    torch.testing.assert_close(blended.mean, whole.mean)
    torch.testing.assert_close(blended.covariance, whole.covariance)


def test_a_blend_of_one_is_that_one() -> None:
    only = colour_statistics(coloured(0))
    blended = blend_statistics([only, ColourStatistics(only.mean + 0.1, 2 * only.covariance)], [1.0, 0.0])
    assert torch.equal(blended.mean, only.mean)
    assert torch.equal(blended.covariance, only.covariance)


def test_luminance_of_grey_is_that_grey_and_of_green_is_bt_601_s() -> None:
    torch.testing.assert_close(luminance(torch.full((2, 3, 4, 5), 0.3)), torch.full((2, 1, 4, 5), 0.3))
    green = torch.tensor([0.0, 1.0, 0.0]).view(3, 1, 1)
    assert luminance(green).item() == pytest.approx(0.587)
    assert greyscale(green).flatten().tolist() == pytest.approx([0.587] * 3)


def test_matched_luminance_has_the_content_s_mean_and_deviation_and_no_colour() -> None:
    style, content = coloured(0), coloured(1, 0.55)
    matched = match_luminance(style, content)
    assert torch.equal(matched[0], matched[1])
    torch.testing.assert_close(matched[0].mean(), luminance(content).mean())
    torch.testing.assert_close(matched[0].std(correction=0), luminance(content).std(correction=0))


def test_a_flat_style_has_no_luminance_to_match_but_stays_finite() -> None:
    assert match_luminance(torch.full((3, 5, 5), 0.5), coloured(1).float()).isfinite().all()


def test_new_luminance_keeps_the_content_s_chroma_where_there_is_room_for_it() -> None:
    contents, images = coloured(0)[None], greyscale(0.5 + 0.1 * (coloured(1) - 0.5))[None]
    made = with_luminance(images, contents)
    torch.testing.assert_close(luminance(made), luminance(images))
    chroma, kept = (x - luminance(x) for x in (contents, made))
    torch.testing.assert_close(kept, chroma)


def test_new_luminance_never_leaves_the_range_nor_shifts_a_hue() -> None:
    generator = torch.Generator().manual_seed(0)
    contents = torch.rand(1, 3, 20, 20, generator=generator, dtype=torch.float64)
    images = greyscale(torch.rand(1, 3, 20, 20, generator=generator, dtype=torch.float64))
    made = with_luminance(images, contents)
    assert made.min() > -1e-12
    assert made.max() < 1 + 1e-12
    torch.testing.assert_close(luminance(made), luminance(images))
    chroma, kept = (x - luminance(x) for x in (contents, made))
    torch.testing.assert_close(torch.linalg.cross(chroma, kept, dim=1), torch.zeros_like(kept))  # parallel
