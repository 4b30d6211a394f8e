"""Relaxed earth mover's distance and its kin against brute force in NumPy, closed forms, and finite differences."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from nst_core.engine import transport
from nst_core.engine.transport import (
    Distance,
    decorrelated,
    moment_distance,
    moments,
    palette_distance,
    random_places,
    relaxed_emd,
    sampled,
)


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def of_moments(own: Tensor, other: Tensor) -> Tensor:
    return moment_distance(moments(own), moments(other))


def costs_of(own: Tensor, other: Tensor, distance: Distance) -> np.ndarray:
    a, b = own.numpy(), other.numpy()
    if distance == "euclidean":
        costs: np.ndarray = np.linalg.norm(a[:, None] - b[None], axis=2)
        return costs
    product: np.ndarray = (a @ b.T) / np.linalg.norm(a, axis=1)[:, None] / np.linalg.norm(b, axis=1)
    return 1 - product


@pytest.mark.parametrize("distance", ["cosine", "euclidean"])
@pytest.mark.parametrize("tile_bytes", [1, 500, 2**20])
def test_relaxed_emd_by_brute_force_whatever_the_tiles(
    distance: Distance, tile_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "TILE_BYTES", tile_bytes)
    own, other = normal(3, 17, 4), normal(3, 9, 4, seed=1) + 0.5
    expected = []
    for mine, others in zip(own, other, strict=True):
        costs = costs_of(mine, others, distance)
        expected.append(max(costs.min(axis=1).mean(), costs.min(axis=0).mean()))
    assert relaxed_emd(own, other, distance).numpy() == pytest.approx(np.array(expected), abs=1e-6)


@pytest.mark.parametrize("distance", ["cosine", "euclidean"])
def test_relaxed_emd_is_zero_at_a_permutation_and_symmetric(distance: Distance) -> None:
    own, other = normal(2, 12, 5), normal(2, 8, 5, seed=1)
    order = torch.randperm(12, generator=torch.Generator().manual_seed(1))
    assert relaxed_emd(own, own[:, order], distance).abs().max() < 1e-6
    assert torch.allclose(relaxed_emd(own, other, distance), relaxed_emd(other, own, distance))


def test_palette_distance_of_a_shifted_palette_is_the_shift() -> None:
    colours = torch.linspace(0, 1, 4, dtype=torch.float64)
    own = torch.cartesian_prod(colours, colours, colours)[None]
    assert float(palette_distance(own, own + 0.01)) == pytest.approx(0.01 * 3**0.5, abs=1e-5)
    turned = decorrelated(own)
    assert torch.allclose(turned[..., 0], own.mean(dim=2) * 3**0.5)
    assert torch.allclose(torch.linalg.norm(turned, dim=2), torch.linalg.norm(own, dim=2)), "a rotation"


def test_moments_of_numpy() -> None:
    own, other = normal(1, 30, 4), 2 * normal(1, 20, 4, seed=1) + 1
    a, b = own[0].numpy(), other[0].numpy()
    covariances = np.cov(a.T, bias=True) - np.cov(b.T, bias=True)
    expected = np.abs(a.mean(axis=0) - b.mean(axis=0)).mean() + np.abs(covariances).mean()
    assert float(moment_distance(moments(own), moments(other))) == pytest.approx(expected)
    assert moment_distance(moments(own), moments(own.flip(1))).abs().max() < 1e-12


def test_gradients() -> None:
    own, other = normal(2, 6, 3).requires_grad_(), normal(2, 5, 3, seed=1)
    for loss in (relaxed_emd, of_moments, palette_distance):
        assert torch.autograd.gradcheck(lambda x, loss=loss: loss(x, other), own)  # type: ignore[misc]


def test_images_do_not_mix() -> None:
    own, other = normal(4, 9, 3), normal(4, 7, 3, seed=1)
    for loss in (relaxed_emd, of_moments, palette_distance):
        alone = torch.cat([loss(own[k : k + 1], other[k : k + 1]) for k in range(4)])
        assert torch.allclose(loss(own, other), alone, rtol=1e-12)


def test_places_are_seeded_and_spread() -> None:
    places = random_places(1024, torch.Generator().manual_seed(1))
    assert torch.equal(places, random_places(1024, torch.Generator().manual_seed(1)))
    assert places.shape == (1024, 2)
    assert places.abs().max() <= 1
    cells = ((places + 1) * 16).floor().clamp(0, 31).long()
    assert len({tuple(cell) for cell in cells.tolist()}) == 1024, "one in each cell"
    assert random_places(1000, torch.Generator()).shape == (1000, 2)


def test_sampled_reads_each_layer_at_the_place() -> None:
    x = torch.linspace(-1, 1, 9, dtype=torch.float64)
    at_centres = torch.stack(torch.meshgrid(x, x, indexing="xy"))[None]  # value = coordinate, corners aligned
    places = torch.tensor([[[0.25, -0.5], [0.0, 0.0], [0.5, 0.5]]])
    read = sampled([at_centres, 3 * at_centres], places)
    expected = places.double() * 9 / 8  # a pixel's centre lies half a pixel inside the border
    assert torch.allclose(read[..., :2], expected)
    assert torch.allclose(read[..., 2:], 3 * expected)
