"""Neural neighbours against brute force in NumPy, closed forms, and finite differences."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from nst_core.engine import neighbours
from nst_core.engine.neighbours import (
    cosine_distance,
    hypercolumns,
    nearest_indices,
    quarter,
    random_grid,
    replaced_by_nearest,
    split_cosine_distance,
    split_targets,
)


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("centred", [True, False])
@pytest.mark.parametrize("tile_bytes", [1, 400, 2**20])
def test_nearest_by_brute_force_whatever_the_tiles(
    centred: bool, tile_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(neighbours, "TILE_BYTES", tile_bytes)
    queries, candidates = normal(37, 5) + 1, normal(23, 5, seed=1) - 2
    a, b = queries.numpy(), candidates.numpy()
    if centred:
        a, b = a - a.mean(axis=0), b - b.mean(axis=0)
    cosines = (a @ b.T) / np.linalg.norm(a, axis=1)[:, None] / np.linalg.norm(b, axis=1)
    assert nearest_indices(queries, candidates, centred).tolist() == (1 - cosines).argmin(axis=1).tolist()


def test_a_permutation_of_the_style_is_undone() -> None:
    columns = normal(6, 4, 5)
    order = torch.randperm(20, generator=torch.Generator().manual_seed(3))
    candidates = columns.flatten(1).T[order]
    assert torch.equal(replaced_by_nearest(columns, candidates), columns)


def test_silent_vectors_have_no_direction_and_no_nan() -> None:
    columns = torch.zeros(1, 4, 2, 2, requires_grad=True)
    distance = cosine_distance(columns, torch.ones(1, 4, 2, 2))
    distance.sum().backward()
    assert distance.tolist() == [1.0]
    assert columns.grad is not None
    assert bool(columns.grad.isfinite().all())
    assert nearest_indices(torch.zeros(3, 4), torch.ones(2, 4)).tolist() == [0, 0, 0]


def test_cosine_distance_closed_forms() -> None:
    features = normal(2, 3, 4, 4)
    assert cosine_distance(features, 7 * features).abs().max() < 1e-12
    assert cosine_distance(features, -features).tolist() == pytest.approx([2, 2])
    own, other = features.numpy().reshape(2, 3, -1), normal(2, 3, 4, 4, seed=1).numpy().reshape(2, 3, -1)
    cosines = (own * other).sum(axis=1) / np.linalg.norm(own, axis=1) / np.linalg.norm(other, axis=1)
    expected = (1 - cosines).mean(axis=1)
    assert cosine_distance(features, normal(2, 3, 4, 4, seed=1)).numpy() == pytest.approx(expected)


def test_gradients_of_distances() -> None:
    target = normal(2, 5, 3, 2, seed=1)
    features = normal(2, 5, 3, 2).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: cosine_distance(x, target), features)
    assert torch.autograd.gradcheck(lambda x: split_cosine_distance(x, target, [2, 3]), features)


def test_hypercolumns_are_the_layers_over_their_channels_at_one_resolution() -> None:
    maps = [normal(2, 4, 12, 8), normal(2, 6, 3, 2, seed=1)]
    columns = hypercolumns(maps, quarter(12, 8))
    assert columns.shape == (2, 10, 3, 2)
    assert torch.equal(columns[:, :4], F.interpolate(maps[0], (3, 2), mode="bilinear") / 4)
    assert torch.equal(columns[:, 4:], maps[1] / 6)
    assert quarter(3, 130) == (1, 32)


def test_random_grid_is_seeded_bounded_and_reaches_every_position() -> None:
    def positions(seed: int) -> tuple[list[int], list[int]]:
        rows, columns = random_grid(100, 50, torch.Generator().manual_seed(seed), most=30)
        return list(range(100))[rows], list(range(50))[columns]

    assert positions(1) == positions(1)
    grids = [positions(seed) for seed in range(40)]
    assert all(len(rows) <= 30 and len(columns) <= 30 for rows, columns in grids)
    assert {row for rows, _ in grids for row in rows} == set(range(100))
    assert {column for _, columns in grids for column in columns} == set(range(50))


def test_splitting_matches_each_layer_by_itself() -> None:
    columns, candidates = normal(7, 3, 3), normal(11, 7, seed=1)
    targets = split_targets(columns, candidates, [3, 4])
    assert torch.equal(targets[:3], replaced_by_nearest(columns[:3], candidates[:, :3]))
    assert torch.equal(targets[3:], replaced_by_nearest(columns[3:], candidates[:, 3:]))
    whole = replaced_by_nearest(columns, candidates)
    assert not torch.equal(targets, whole), "matched as one, layers come from the same place"
    split = split_cosine_distance(columns[None], targets[None], [3, 4])
    layers = [
        cosine_distance(columns[None, :3], targets[None, :3]),
        cosine_distance(columns[None, 3:], targets[None, 3:]),
    ]
    assert torch.allclose(split, torch.stack(layers).mean(dim=0))
    assert split_cosine_distance(targets[None], targets[None], [3, 4]).abs().max() < 1e-12
