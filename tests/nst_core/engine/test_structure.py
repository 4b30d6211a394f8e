"""Self-similarity and Laplacian content losses against NumPy and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from nst_core.engine.structure import laplacian, laplacian_loss, self_similarity_loss


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_self_similarity_by_brute_force() -> None:
    own, content = normal(1, 8, 4), normal(1, 8, 6, seed=1)

    def shares(vectors: np.ndarray) -> np.ndarray:
        turned = vectors / np.linalg.norm(vectors, axis=1)[:, None]
        distances: np.ndarray = 1 - turned @ turned.T
        return distances / distances.sum(axis=0)

    expected = np.abs(shares(own[0].numpy()) - shares(content[0].numpy())).sum(axis=0).mean()
    assert float(self_similarity_loss(own, content)) == pytest.approx(expected)


def test_self_similarity_does_not_see_a_rotation_of_the_features() -> None:
    vectors = normal(2, 10, 5)
    rotation = torch.linalg.qr(normal(5, 5, seed=1)).Q
    assert self_similarity_loss(3 * vectors @ rotation, vectors).abs().max() < 1e-12
    assert self_similarity_loss(torch.ones(1, 10, 5), torch.ones(1, 10, 5)).tolist() == [0]


def test_the_laplacian_of_a_paraboloid_is_constant_and_of_a_ramp_zero() -> None:
    y, x = torch.meshgrid(*[torch.arange(12, dtype=torch.float64)] * 2, indexing="ij")
    bowl = ((x.square() + y.square()) / 255).expand(1, 3, 12, 12)
    assert torch.allclose(laplacian(bowl, 1)[:, :, 1:-1, 1:-1], torch.tensor(3 * 4.0, dtype=torch.float64))
    ramp = ((x + 2 * y) / 255).expand(1, 3, 12, 12)
    assert laplacian(ramp, 2)[:, :, 1:-1, 1:-1].abs().max() < 1e-10


def test_laplacian_loss_sees_structure_larger_than_its_windows_only() -> None:
    image = normal(1, 3, 16, 16)
    assert laplacian_loss(image, image, 4).tolist() == [0]
    assert laplacian_loss(image + 0.3, image, 4).abs().max() < 1e-18, "a shift of brightness has no edges"
    fine = torch.ones(16, 16, dtype=torch.float64)
    fine[::2] = -1
    assert laplacian_loss(image + fine, image, 2).abs().max() < 1e-18 < laplacian_loss(image + fine, image, 1)
    assert laplacian_loss(image, image + 1, 64).shape == (1,), "a window larger than the image is all of it"


def test_gradients() -> None:
    content = normal(2, 6, 3, seed=1)
    assert torch.autograd.gradcheck(lambda x: self_similarity_loss(x, content), normal(2, 6, 3).requires_grad_())
    images = normal(2, 3, 6, 8, seed=2)
    assert torch.autograd.gradcheck(lambda x: laplacian_loss(x, images, 2), normal(2, 3, 6, 8).requires_grad_())
