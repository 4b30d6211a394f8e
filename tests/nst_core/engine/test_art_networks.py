"""ArtFID's networks, under a stand-in with random weights, and its distances in cases with a known answer."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from art_stand_ins import stand_in_alexnet, stand_in_inception
from torch import Tensor

from nst_core.engine.art_networks import Lpips, _linear_file, art_inception, frechet_distance
from nst_core.engine.features.weights import Weights, file_weights
from nst_core.errors import WeightsError


def sample(count: int, mean: Tensor, covariance: Tensor, seed: int) -> Tensor:
    """Points whose sample mean and covariance are exactly those."""
    points = torch.randn(count, len(mean), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    points = points - points.mean(dim=0)
    white = points @ torch.linalg.inv(torch.linalg.cholesky(points.T @ points / (count - 1))).T
    return white @ torch.linalg.cholesky(covariance).T + mean


def test_distance_of_gaussians_in_closed_form() -> None:
    """Of diagonal covariances it is |µ₁ − µ₂|² + Σ (σ₁ − σ₂)²."""
    first = sample(50, torch.tensor([1.0, 2.0, 3.0]).double(), torch.diag(torch.tensor([1.0, 4.0, 9.0]).double()), 1)
    second = sample(80, torch.tensor([1.0, 0.0, 3.0]).double(), torch.diag(torch.tensor([4.0, 4.0, 1.0]).double()), 2)
    assert frechet_distance(first, second) == pytest.approx(4 + 1 + 0 + 4, rel=1e-9)
    assert frechet_distance(second, first) == pytest.approx(9, rel=1e-9)


def test_distance_of_correlated_gaussians_by_a_matrix_root() -> None:
    scipy = pytest.importorskip("scipy.linalg")
    covariances = [torch.tensor([[2.0, 0.6], [0.6, 1.0]]).double(), torch.tensor([[1.0, -0.4], [-0.4, 3.0]]).double()]
    zero = torch.zeros(2).double()
    root = scipy.sqrtm((covariances[0] @ covariances[1]).numpy()).real.trace()
    expected = sum(float(one.trace()) for one in covariances) - 2 * root
    found = frechet_distance(sample(30, zero, covariances[0], 3), sample(40, zero, covariances[1], 4))
    assert found == pytest.approx(expected, rel=1e-9)


def test_a_set_is_no_distance_from_itself_even_where_its_covariance_is_singular() -> None:
    features = torch.rand(5, 2048, generator=torch.Generator().manual_seed(5))
    assert frechet_distance(features, features[[3, 1, 0, 4, 2]]) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(features, features + 0.5) == pytest.approx(2048 / 4, rel=1e-6)
    with pytest.raises(ValueError, match="two pictures"):
        frechet_distance(features[:1], features)


def test_features_of_the_stand_in_are_those_of_torchvisions_network(tmp_path: Path) -> None:
    file, reference = stand_in_inception(tmp_path / "art_inception.pth")
    network = art_inception(file)
    images = torch.rand(2, 3, 96, 80, generator=torch.Generator().manual_seed(6))
    features = network(images)
    assert features.shape == (2, 2048)
    assert torch.allclose(features, reference(images), rtol=1e-4, atol=1e-6)
    assert features.std() > 0


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda state: state.pop("Mixed_7c.branch1x1.conv.weight"), "no tensor Mixed_7c.branch1x1.conv.weight"),
        (lambda state: state.update({"fc.weight": torch.zeros(1000, 2048)}), "the tensor fc.weight too"),
        (lambda state: state.update({"Conv2d_1a_3x3.bn.bias": torch.zeros(3)}), r"the shape \(3,\), not \(32,\)"),
    ],
)
def test_another_network_is_refused(tmp_path: Path, change: object, reason: str) -> None:
    file, _ = stand_in_inception(tmp_path / "art_inception.pth")
    state = torch.load(file, weights_only=True)
    change(state)  # type: ignore[operator]
    torch.save(state, file)
    with pytest.raises(WeightsError, match=reason):
        art_inception(file)


def test_lpips_is_that_of_its_package() -> None:
    package = pytest.importorskip("lpips")
    state = stand_in_alexnet()
    theirs = package.LPIPS(net="alex", pnet_rand=True, verbose=False)
    for slice_, index in ((1, 0), (2, 3), (3, 6), (4, 8), (5, 10)):
        convolution = getattr(getattr(theirs.net, f"slice{slice_}"), str(index))
        convolution.weight.data, convolution.bias.data = state[f"{index}.weight"], state[f"{index}.bias"]
    ours = Lpips(Weights(state, "", "random"), file_weights(_linear_file()))
    generator = torch.Generator().manual_seed(8)
    images, others = torch.rand(2, 3, 80, 96, generator=generator), torch.rand(2, 3, 80, 96, generator=generator)
    with torch.no_grad():
        expected = theirs(images, others, normalize=True).flatten()
    assert torch.allclose(ours(images, others), expected, rtol=1e-4)
    assert bool((expected > 1e-3).all())
    assert ours(images, images).tolist() == [0, 0]
