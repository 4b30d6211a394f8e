"""Losses on sets of vectors against closed forms and NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from nst_core.engine.losses import gram_matrix, style_gatys
from nst_core.engine.style_losses.mmd import DiscrepancyLoss
from nst_core.engine.style_losses.moments import MomentLoss
from nst_core.engine.style_losses.sliced import HistogramLoss, SlicedLoss
from nst_core.engine.terms import StyleTerm

LAYERS = (("layer", 1.0),)


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def discrepancy(result: Tensor, style: Tensor, **options: object) -> Tensor:
    loss = DiscrepancyLoss(StyleTerm(LAYERS, loss="mmd", positions=100_000, **options))  # type: ignore[arg-type]
    return loss.layer_values(result, loss.prepared(loss.layer_target([style])[None]), None)


def test_the_discrepancy_of_the_square_kernel_is_the_distance_of_gram_matrices() -> None:
    result, style = draw(3, 6, 8, 9).float(), draw(1, 6, 5, 7, seed=1).float()
    grams = gram_matrix(result), gram_matrix(style)
    expected = 4 * style_gatys(*grams, 72)
    torch.testing.assert_close(discrepancy(result, style, kernel="polynomial"), expected, rtol=1e-6, atol=1e-6)


def test_the_discrepancy_of_the_linear_kernel_is_the_distance_of_means() -> None:
    result, style = draw(2, 6, 8, 9), draw(1, 6, 5, 7, seed=1)
    expected = (result.mean(dim=(2, 3)) - style.mean(dim=(2, 3))).square().mean(dim=1)
    torch.testing.assert_close(discrepancy(result, style, kernel="linear"), expected)


@pytest.mark.parametrize("bandwidth", [0.3, 1.0])
def test_the_discrepancy_of_the_gaussian_kernel_equals_numpy(bandwidth: float) -> None:
    result, style = draw(1, 4, 3, 5), draw(1, 4, 6, 2, seed=1) + 0.5
    x, y = (each[0].flatten(1).T.numpy() for each in (result, style))

    def squares(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.asarray(((a[:, None] - b[None]) ** 2).sum(axis=2))

    variance = bandwidth * (squares(y, y).mean() + 1e-4)
    own, across, theirs = (np.exp(-squares(*pair) / (2 * variance)).mean() for pair in ((x, x), (x, y), (y, y)))
    found = discrepancy(result, style, kernel="gaussian", bandwidth=bandwidth).item()
    assert found == pytest.approx(own - 2 * across + theirs, rel=1e-9)


def test_the_sliced_distance_of_two_shifted_gaussians() -> None:
    """W² of N(0, C) and N(δ, C) along a direction u is (u·δ)², whose mean over all directions is |δ|²/N."""
    channels, side, shift = 8, 128, torch.linspace(-1, 2, 8, dtype=torch.float64)
    mixing = draw(channels, channels, seed=3)
    result, style = ((mixing @ draw(channels, side * side, seed=s)).view(1, channels, side, side) for s in (1, 2))
    term = StyleTerm(LAYERS, loss="sliced", projections=2000)
    loss = SlicedLoss(term)
    target = loss.layer_target([style + shift.view(1, -1, 1, 1)])[None]
    choice = loss.choice(result, target, generator())
    along = (choice.directions @ shift).square().mean().item()
    found = loss.layer_values(result, target, choice).item()
    assert found == pytest.approx(along, rel=0.05)
    assert along == pytest.approx(shift.square().sum().item() / channels, rel=0.05)


def test_the_sliced_distance_equals_numpy() -> None:
    result, style = draw(2, 5, 4, 6), draw(1, 5, 3, 4, seed=1)
    loss = SlicedLoss(StyleTerm(LAYERS, loss="sliced", projections=7))
    target = loss.layer_target([style])[None]
    choice = loss.choice(result, target, generator())
    own, other = (np.sort(choice.directions.numpy() @ x.flatten(2).numpy(), axis=2) for x in (result, style))
    expected = ((own - np.repeat(other, 2, axis=2)) ** 2).mean(axis=(1, 2))
    np.testing.assert_allclose(loss.layer_values(result, target, choice).numpy(), expected, rtol=1e-12)


def test_directions_are_uniform_on_the_sphere() -> None:
    loss = SlicedLoss(StyleTerm(LAYERS, loss="sliced", projections=4000))
    found = loss.choice(torch.zeros(1, 3, 2, 2), torch.zeros(1, 3, 4), generator()).directions
    torch.testing.assert_close(found.norm(dim=1), torch.ones(4000))
    torch.testing.assert_close(found.T @ found / 4000, torch.eye(3) / 3, atol=0.02, rtol=0)


def test_the_histogram_loss_is_the_distance_to_the_maps_with_the_style_s_histograms() -> None:
    result, style = draw(2, 3, 4, 5), draw(1, 3, 5, 4, seed=1) ** 3
    remapped = torch.empty_like(result).flatten(2)
    for image in range(2):
        for channel in range(3):
            ranks = result[image, channel].flatten().argsort()
            remapped[image, channel, ranks] = style[0, channel].flatten().sort().values
    loss = HistogramLoss(StyleTerm(LAYERS, loss="histogram"))
    leaf = result.clone().requires_grad_(True)
    found = loss.layer_values(leaf, loss.layer_target([style])[None], None)
    error = result.flatten(2) - remapped
    torch.testing.assert_close(found, error.square().mean(dim=(1, 2)))
    (gradient,) = torch.autograd.grad(found.sum(), leaf)
    torch.testing.assert_close(gradient.flatten(2), 2 * error / error[0].numel())


def test_moments() -> None:
    result, style = draw(2, 5, 4, 6), 3 * draw(1, 5, 3, 4, seed=1) + 1
    (m, s), (a, d) = ((x.mean(dim=(2, 3)), x.std(dim=(2, 3), correction=0)) for x in (result, style))
    error = (m - a).square() + (s - d).square()
    for name, expected in (("moments", error), ("moments_relative", error / ((a**2 + d**2).sqrt() + 1e-3) ** 2)):
        loss = MomentLoss(StyleTerm(LAYERS, loss=name))  # type: ignore[arg-type]
        target = loss.layer_target([style])[None]
        torch.testing.assert_close(loss.layer_values(result, target, None), expected.mean(dim=1), rtol=1e-6, atol=0)
