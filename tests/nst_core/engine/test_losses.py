"""Losses against closed forms, float64 NumPy and finite differences."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from nst_core.engine.losses import (
    CONTENT_LOSSES,
    GRAM_LOSSES,
    content_half_mean,
    content_half_sum,
    content_half_sum_by_size,
    content_mean,
    content_relative,
    content_sum,
    gram_matrix,
    out_of_range,
    style_frobenius,
    style_gatys,
    style_half_sum,
    style_mean,
    style_mean_by_size,
    style_relative,
    total_variation,
)

every_content_loss = pytest.mark.parametrize("loss", CONTENT_LOSSES.values(), ids=CONTENT_LOSSES)
every_style_loss = pytest.mark.parametrize("loss", GRAM_LOSSES.values(), ids=GRAM_LOSSES)
Loss = Callable[..., Tensor]


def maps(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


@every_content_loss
def test_content_loss_is_zero_at_the_target(loss: Loss) -> None:
    features = maps(2, 5, 6, 7)
    assert loss(features, features.clone()).tolist() == [0.0, 0.0]


@every_style_loss
def test_style_loss_is_zero_at_the_target(loss: Loss) -> None:
    gram = gram_matrix(maps(2, 5, 6, 7))
    assert loss(gram, gram.clone(), 42).tolist() == [0.0, 0.0]


def test_scaling_features_by_a_scales_gatys_style_by_a_to_the_fourth() -> None:
    result, style = maps(2, 5, 6, 7), maps(2, 5, 4, 9, seed=1)
    once = style_gatys(gram_matrix(result), gram_matrix(style), 42)
    torch.testing.assert_close(style_gatys(gram_matrix(3 * result), gram_matrix(3 * style), 42), 3**4 * once)


def test_scaling_features_by_a_scales_half_sum_content_by_a_squared() -> None:
    result, content = maps(2, 5, 6, 7), maps(2, 5, 6, 7, seed=1)
    torch.testing.assert_close(content_half_sum(3 * result, 3 * content), 9 * content_half_sum(result, content))


def test_scaling_features_leaves_frobenius_style_as_it_is() -> None:
    result, style = maps(2, 5, 6, 7), maps(2, 5, 4, 9, seed=1)
    once = style_frobenius(gram_matrix(result), gram_matrix(style), 42)
    torch.testing.assert_close(style_frobenius(gram_matrix(3 * result), gram_matrix(3 * style), 42), once)


def test_gram_matrix_ignores_where_things_are() -> None:
    features = maps(2, 5, 6, 7)
    order = torch.randperm(42, generator=torch.Generator().manual_seed(0))
    permuted = features.flatten(2)[:, :, order].view_as(features)
    torch.testing.assert_close(gram_matrix(permuted), gram_matrix(features), atol=1e-12, rtol=0)


def test_gram_matrix_of_a_larger_tiling_is_that_of_the_tile() -> None:
    tile = maps(1, 5, 6, 7)
    torch.testing.assert_close(gram_matrix(tile.repeat(1, 1, 3, 2)), gram_matrix(tile), atol=1e-12, rtol=0)


def test_gram_matrix_equals_numpy_float64() -> None:
    features = maps(2, 5, 6, 7)
    flat = features.numpy().reshape(2, 5, 42)
    expected = np.einsum("bim,bjm->bij", flat, flat) / 42
    np.testing.assert_allclose(gram_matrix(features).numpy(), expected, rtol=1e-12)


def test_gatys_style_of_equal_sizes_is_the_paper_s_equation_4() -> None:
    result, style = maps(1, 5, 6, 7), maps(1, 5, 6, 7, seed=1)
    f, s = result.numpy().reshape(5, 42), style.numpy().reshape(5, 42)
    expected = ((f @ f.T - s @ s.T) ** 2).sum() / (4 * 5**2 * 42**2)
    assert style_gatys(gram_matrix(result), gram_matrix(style), 42).item() == pytest.approx(expected, rel=1e-12)


def test_mean_style_is_the_mean_over_gram_matrices_divided_by_their_elements() -> None:
    result, style = maps(1, 5, 6, 7), maps(1, 5, 4, 9, seed=1)
    f, s = result.numpy().reshape(5, 42), style.numpy().reshape(5, 36)
    expected = ((f @ f.T / (5 * 42) - s @ s.T / (5 * 36)) ** 2).mean()
    assert style_mean(gram_matrix(result), gram_matrix(style), 42).item() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("height", "width"), [(6, 7), (4, 9)])
def test_raw_gram_losses_count_the_style_as_if_it_had_the_result_s_positions(height: int, width: int) -> None:
    result, style = maps(1, 5, 6, 7), maps(1, 5, height, width, seed=1)
    f, s = result.numpy().reshape(5, 42), style.numpy().reshape(5, height * width)
    squares = (f @ f.T - s @ s.T * 42 / (height * width)) ** 2
    grams = gram_matrix(result), gram_matrix(style)
    assert style_half_sum(*grams, 42).item() == pytest.approx(squares.sum() / 2, rel=1e-12)
    assert style_mean_by_size(*grams, 42).item() == pytest.approx(squares.mean() / (5 * 42), rel=1e-12)


def test_relative_style_weighs_every_pair_of_channels_alike() -> None:
    result, style = maps(1, 5, 6, 7), maps(1, 5, 6, 7, seed=1)
    loud = torch.tensor([1.0, 10.0, 100.0, 1.0, 1e4], dtype=torch.float64).view(1, 5, 1, 1)
    plain = style_relative(gram_matrix(result), gram_matrix(style), 42)
    scaled = style_relative(gram_matrix(loud * result), gram_matrix(loud * style), 42)
    torch.testing.assert_close(scaled, plain, rtol=1e-2, atol=0)  # but for the floor under silent channels


@pytest.mark.parametrize("loss", [style_relative, style_frobenius])
def test_silent_style_channels_give_finite_losses(loss: Loss) -> None:
    assert loss(gram_matrix(maps(1, 5, 6, 7)), torch.zeros(1, 5, 5, dtype=torch.float64), 42).isfinite().all()


def test_content_losses_equal_their_formulas() -> None:
    result, content = maps(1, 5, 6, 7), maps(1, 5, 6, 7, seed=1)
    f, p = result.numpy(), content.numpy()
    variance = ((p - p.mean(axis=(2, 3), keepdims=True)) ** 2).mean()
    assert content_sum(result, content).item() == pytest.approx(((f - p) ** 2).sum(), rel=1e-12)
    assert content_half_sum(result, content).item() == pytest.approx(((f - p) ** 2).sum() / 2, rel=1e-12)
    assert content_half_sum_by_size(result, content).item() == pytest.approx(((f - p) ** 2).sum() / 84, rel=1e-12)
    assert content_half_mean(result, content).item() == pytest.approx(((f - p) ** 2).mean() / 2, rel=1e-12)
    assert content_mean(result, content).item() == pytest.approx(((f - p) ** 2).mean(), rel=1e-12)
    expected = ((f - p) ** 2).mean() / (variance + 1e-4)
    assert content_relative(result, content).item() == pytest.approx(expected, rel=1e-12)


def test_relative_content_of_a_flat_image_is_finite() -> None:
    flat = torch.full((1, 5, 6, 7), 0.3)
    assert content_relative(flat + 0.1, flat).isfinite().all()


def test_total_variation_of_a_checkerboard_is_two() -> None:
    board = (torch.arange(8)[:, None] + torch.arange(6)) % 2
    assert total_variation(board.expand(1, 3, 8, 6).float()).tolist() == [2.0]


def test_total_variation_of_a_ramp_is_its_squared_slope() -> None:
    ramp = torch.linspace(0, 1, 11, dtype=torch.float64).expand(1, 3, 5, 11)
    assert total_variation(ramp).item() == pytest.approx(0.01, rel=1e-12)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 6), (6, 1)])
def test_total_variation_of_images_one_pixel_wide_or_high_is_finite(height: int, width: int) -> None:
    stripes = (torch.arange(height * width) % 2).float().view(1, 1, height, width).expand(1, 3, -1, -1)
    images = stripes.clone().requires_grad_(True)
    value = total_variation(images)
    (gradient,) = torch.autograd.grad(value.sum(), images)
    assert value.item() == (1.0 if height * width > 1 else 0.0)
    assert gradient.isfinite().all()


def test_out_of_range_counts_only_the_excess() -> None:
    image = torch.tensor([-0.2, 0.0, 0.5, 1.0, 1.1]).view(1, 1, 1, 5).expand(1, 3, 1, 5)
    assert out_of_range(image).item() == pytest.approx((0.2**2 + 0.1**2) / 5)


@every_content_loss
def test_content_loss_of_an_image_does_not_depend_on_its_neighbours(loss: Loss) -> None:
    result, content = maps(3, 5, 6, 7), maps(3, 5, 6, 7, seed=1)
    alone = torch.cat([loss(result[i : i + 1], content[i : i + 1]) for i in range(3)])
    torch.testing.assert_close(loss(result, content), alone, rtol=1e-12, atol=0)


@every_style_loss
def test_style_loss_of_an_image_does_not_depend_on_its_neighbours(loss: Loss) -> None:
    result, style = maps(3, 5, 6, 7), gram_matrix(maps(3, 5, 4, 9, seed=1))
    result[1] = float("nan")
    alone = torch.cat([loss(gram_matrix(result[i : i + 1]), style[i : i + 1], 42) for i in range(3)])
    torch.testing.assert_close(loss(gram_matrix(result), style, 42), alone, rtol=1e-12, atol=0, equal_nan=True)
    assert alone.isnan().tolist() == [False, True, False]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_features_give_float32_values(dtype: torch.dtype) -> None:
    result, other = maps(2, 5, 6, 7, dtype=dtype), maps(2, 5, 6, 7, seed=1, dtype=dtype)
    gram = gram_matrix(result)
    assert gram.dtype == torch.float32
    torch.testing.assert_close(gram, gram_matrix(result.double()).float(), rtol=1e-5, atol=1e-6)
    for loss in CONTENT_LOSSES.values():
        value = loss(result, other)
        assert value.dtype == torch.float32
        torch.testing.assert_close(value, loss(result.double(), other.double()).float(), rtol=1e-5, atol=0)
    for loss in GRAM_LOSSES.values():
        assert loss(gram, gram_matrix(other), 42).dtype == torch.float32
    assert total_variation(result[:, :3]).dtype == torch.float32


def test_gram_matrix_of_loud_half_precision_features_does_not_overflow() -> None:
    loud = torch.full((1, 4, 64, 64), 3e3, dtype=torch.float16)  # 3000² is beyond float16
    assert gram_matrix(loud)[0, 0, 0].item() == pytest.approx(9e6, rel=1e-4)


def test_gram_matrix_and_its_gradient_do_not_depend_on_the_memory_layout() -> None:
    features = maps(2, 5, 6, 7)
    plain, last = features.clone(), features.contiguous(memory_format=torch.channels_last)
    answers = []
    for tensor in (plain, last):
        tensor.requires_grad_(True)
        gram = gram_matrix(tensor)
        answers.append((gram.detach(), *torch.autograd.grad(gram.square().sum(), tensor)))
    torch.testing.assert_close(answers[0], answers[1], rtol=1e-12, atol=1e-12)


def test_gram_matrix_stays_float32_under_autocast() -> None:
    features = maps(2, 5, 6, 7, dtype=torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        inside = gram_matrix(features)
    assert inside.dtype == torch.float32
    assert torch.equal(inside, gram_matrix(features))


@every_content_loss
def test_gradients_of_content_losses(loss: Loss) -> None:
    content = maps(2, 3, 4, 5, seed=1)
    assert torch.autograd.gradcheck(lambda f: loss(f, content), maps(2, 3, 4, 5).requires_grad_(True))


@every_style_loss
def test_gradients_of_style_losses_through_the_gram_matrix(loss: Loss) -> None:
    style = gram_matrix(maps(2, 3, 6, 2, seed=1))
    assert torch.autograd.gradcheck(lambda f: loss(gram_matrix(f), style, 20), maps(2, 3, 4, 5).requires_grad_(True))


@pytest.mark.parametrize("loss", [total_variation, out_of_range])
def test_gradients_of_image_losses(loss: Callable[[Tensor], Tensor]) -> None:
    assert torch.autograd.gradcheck(loss, maps(2, 3, 4, 5).requires_grad_(True))
