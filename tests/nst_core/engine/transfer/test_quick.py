"""The network for any style over the slim network: its pictures, vectors, and its file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from nst_core.engine.array_files import array_bytes, read_arrays
from nst_core.engine.colour import colour_statistics
from nst_core.engine.features.slim_network import SlimNetwork
from nst_core.engine.transfer.files import load_network
from nst_core.engine.transfer.quick import Quick
from nst_core.engine.transfer.quick_file import quick_bytes
from nst_core.engine.transfer.quick_network import QuickNetwork, QuickShape, in_colours
from nst_core.errors import WeightsError
from nst_core.networks.files import network_files, network_sha256
from nst_core.networks.sessions import open_network

CPU = torch.device("cpu")


def tiny_bytes(seed: int = 0) -> bytes:
    draw = torch.Generator().manual_seed(seed)
    return quick_bytes(QuickNetwork(SlimNetwork((4, 5, 6, 7), draw), QuickShape((4, 5, 6, 7), (1, 0, 2, 1), 8), draw))


@pytest.fixture
def tiny(tmp_path: Path) -> Quick:
    path = tmp_path / "tiny.npz"
    path.write_bytes(tiny_bytes())
    network = load_network([path])
    assert isinstance(network, Quick)
    return network


@pytest.fixture(scope="module")
def shipped() -> Quick:
    network = open_network(["quick"], "method.network", CPU)
    assert isinstance(network, Quick)
    return network


def images(count: int, height: int, width: int, seed: int = 0) -> torch.Tensor:
    draw = torch.Generator().manual_seed(seed)
    small = torch.rand(count, 3, 5, 5, generator=draw)
    return torch.nn.functional.interpolate(small, (height, width), mode="bilinear")


@pytest.mark.parametrize("shape", [(24, 32), (21, 27), (9, 9), (16, 40)])
def test_pictures_have_the_shape_of_their_contents(tiny: Quick, shape: tuple[int, int]) -> None:
    contents, vectors = images(2, *shape), tiny.style_vectors(images(2, 16, 20, seed=1))
    assert vectors.shape == (2, 2 * (4 + 5 + 6 + 7) + 12)
    pictures = tiny(contents, vectors, torch.ones(2))
    assert pictures.shape == contents.shape
    assert pictures.min() >= 0
    assert pictures.max() <= 1


def test_the_least_sides_are_the_least(tiny: Quick) -> None:
    with pytest.raises(RuntimeError):
        tiny(images(1, tiny.min_side - 1, 32), tiny.style_vectors(images(1, 16, 16)), torch.ones(1))
    with pytest.raises(RuntimeError):
        tiny.style_vectors(images(1, tiny.min_style_side - 1, 32))


def test_a_batch_is_its_pictures_one_by_one(shipped: Quick) -> None:
    contents, styles = images(4, 40, 48), images(4, 48, 40, seed=1)
    vectors, shares = shipped.style_vectors(styles), torch.tensor([1.0, 0.5, 1.0, 0.2])
    together = shipped(contents, vectors, shares)
    for row in range(4):
        alone = shipped(contents[row : row + 1], shipped.style_vectors(styles[row : row + 1]), shares[row : row + 1])
        torch.testing.assert_close(alone[0], together[row], rtol=0, atol=2e-3)


def test_the_share_of_a_style_goes_from_the_content_s_colours_to_its_own(shipped: Quick) -> None:
    content, style = images(1, 64, 64), 0.3 * images(1, 64, 64, seed=1)
    vector = shipped.style_vectors(style)
    shares = (0.0, 0.25, 0.5, 0.75, 1.0)
    pictures = [shipped(content, vector, torch.tensor([share])) for share in shares]
    away = [(colour_statistics(picture).mean - colour_statistics(style).mean).norm().item() for picture in pictures]
    assert away == sorted(away, reverse=True)
    assert away[-1] < 0.3 * away[0]


def test_contents_get_the_means_and_covariances_of_colours(shipped: Quick) -> None:
    style = 0.3 + 0.4 * images(1, 32, 32, seed=1)
    found = colour_statistics(in_colours(images(1, 32, 32), shipped.style_vectors(style)))
    expected = colour_statistics(style)
    torch.testing.assert_close(found.mean, expected.mean, rtol=0, atol=5e-3)
    torch.testing.assert_close(found.covariance, expected.covariance, rtol=0, atol=5e-3)


def test_the_shipped_file_is_small_and_holds_numbers_alone() -> None:
    (file,) = network_files(["quick"])
    assert file.stat().st_size <= 2_000_000
    arrays = read_arrays(file)  # refuses what is pickled
    assert {values.dtype for name, values in arrays.items() if name != "format"} == {np.dtype(np.float16)}
    assert open_network(["quick"], "method.network", CPU).weights_sha256 == network_sha256(["quick"])
    assert file.with_suffix(".json").is_file()
    assert file.with_suffix(".md").is_file()


@pytest.mark.parametrize("fault", ["missing", "more", "infinite", "shape", "format", "truncated"])
def test_a_file_that_is_none_is_told(fault: str, tmp_path: Path) -> None:
    path = tmp_path / "quick.npz"
    path.write_bytes(tiny_bytes())
    arrays = read_arrays(path)
    bias = arrays["last.bias"]
    changed = {
        "missing": {},
        "more": {"other": bias},
        "infinite": {"last.bias": np.full_like(bias, np.inf)},
        "shape": {"last.bias": bias[:2]},
        "format": {"format": "nst slim 1"},
        "truncated": {},
    }[fault]
    if fault == "missing":
        del arrays["last.bias"]
    content = array_bytes(arrays | changed)
    path.write_bytes(content[:-200] if fault == "truncated" else content)
    with pytest.raises(WeightsError, match="quick"):
        load_network([path])
