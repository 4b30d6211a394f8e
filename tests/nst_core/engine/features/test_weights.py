"""Weights: what is accepted, and the sentence that meets what is not."""

from __future__ import annotations

import hashlib
import os
import pickle
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from nst_core.engine.features import build_extractor, weights
from nst_core.engine.features.convnets import build_convnet, random_state
from nst_core.engine.features.weights import Weights, file_weights, imagenet_weights, random_weights
from nst_core.engine.recipe import Recipe
from nst_core.engine.terms import ContentTerm, StyleTerm
from nst_core.errors import WeightsError

RANDOM_SQUEEZENET_SHA256 = "052b672cab06c606bb79f29d1142462f93eddf2c06cd62c632d1bfa9b05102f8"
SQUEEZENET_FILE = Path(__file__).parents[5] / "shared" / "weights" / "squeezenet1_0-imagenet.pth"


@pytest.fixture(scope="module")
def state() -> dict[str, Tensor]:
    """A convolutional part's state, `0.weight` and so on."""
    return random_state("squeezenet1_0", seed=1)


def saved(data: Any, folder: Path, name: str = "weights.pth") -> Path:
    torch.save(data, folder / name)
    return folder / name


def prefixed(state: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {prefix + key: value for key, value in state.items()}


def built(path: Path, network: str = "squeezenet1_0") -> dict[str, Tensor]:
    extractor = build_convnet(network, file_weights(path), "max", "torchvision")  # type: ignore[arg-type]
    return dict(extractor.body.state_dict())


def test_every_usual_layout_of_a_file_gives_the_same_network(state: dict[str, Tensor], tmp_path: Path) -> None:
    classifier = {"classifier.1.weight": torch.ones(4, 512, 1, 1), "classifier.1.bias": torch.ones(4)}
    layouts: list[dict[str, Any]] = [
        state,
        prefixed(state, "features."),
        prefixed(state, "features.") | classifier,
        prefixed(prefixed(state, "features.") | classifier, "module."),
        prefixed(state, "features.module."),
        {"epoch": 3, "state_dict": prefixed(state, "features.")},
        {key: value.double() for key, value in state.items()},
    ]
    for layout in layouts:
        loaded = built(saved(layout, tmp_path))
        assert loaded.keys() == state.keys()
        assert all(torch.equal(loaded[key], state[key]) for key in state)


def test_a_file_is_identified_by_the_sha256_of_its_bytes(state: dict[str, Tensor], tmp_path: Path) -> None:
    path = saved(state, tmp_path)
    assert file_weights(path).sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"gone\.pth cannot be read \(No such file") as caught:
        file_weights(tmp_path / "gone.pth")
    assert "method.weights" in str(caught.value)


def test_a_folder_is_no_weights_file(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="cannot be read"):
        file_weights(tmp_path)


@pytest.mark.parametrize("content", [b"", b"hello world", b"\x89PNG\r\n" + bytes(100), b"\x80\x02}q\x00.", bytes(500)])
def test_a_file_of_something_else_is_refused_in_one_sentence(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    path.write_bytes(content)
    with pytest.raises(WeightsError) as caught:
        build_convnet("squeezenet1_0", file_weights(path), "max", "torchvision")
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("data", [[torch.ones(2)], {"a": 3}, {"state_dict": {"a": "b"}}], ids=str)
def test_a_torch_file_that_is_no_state_dict_is_refused(data: Any, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="is not a PyTorch state dict"):
        file_weights(saved(data, tmp_path))


def test_a_truncated_file_is_refused(state: dict[str, Tensor], tmp_path: Path) -> None:
    path = saved(state, tmp_path)
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(WeightsError, match="part of it is missing"):
        file_weights(path)


class Malice:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, (str(self.target),)


@pytest.mark.parametrize("zipped", [True, False])
def test_code_in_a_file_is_not_run(zipped: bool, tmp_path: Path) -> None:
    target, path = tmp_path / "run", tmp_path / "weights.pth"
    if zipped:
        torch.save({"0.weight": Malice(target)}, path)
    else:
        path.write_bytes(pickle.dumps({"0.weight": Malice(target)}, protocol=2))
    with pytest.raises(WeightsError, match="is not a PyTorch state dict") as caught:
        file_weights(path)
    assert not target.exists()
    assert "weights_only" not in str(caught.value), "torch's advice to switch the protection off"


def test_weights_of_another_network_are_refused_by_tensor(tmp_path: Path, state: dict[str, Tensor]) -> None:
    path = saved(prefixed(state, "features."), tmp_path)
    with pytest.raises(WeightsError, match=r"features\.0\.weight has the shape \(96, 3, 7, 7\), not \(64, 3, 3, 3\)"):
        built(path, "squeezenet1_1")
    with pytest.raises(WeightsError, match=r"no tensor features\.\d.*Is method\.features the right network\?"):
        built(saved({"0.weight": torch.ones(96, 3, 7, 7)}, tmp_path))


def test_random_weights_are_the_same_draw_everywhere() -> None:
    once, again = (random_weights(random_state("squeezenet1_0")) for _ in range(2))
    assert once.sha256 == again.sha256 == RANDOM_SQUEEZENET_SHA256
    assert random_weights(random_state("squeezenet1_0", seed=1)).sha256 != once.sha256


def test_random_weights_keep_activations_alive_with_depth() -> None:
    """torchvision's own initialisation shrinks them, so that deep layers would not count."""
    network = build_convnet("vgg16", random_weights(random_state("vgg16")), "max", "torchvision")
    images = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    maps = network(images, ["relu1_2", "relu4_3"])
    assert 0.05 < float(maps["relu4_3"].square().mean() / maps["relu1_2"].square().mean()) < 20


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """torch's cache, empty, on a machine without network: the folder where the files would lie."""

    def offline(*_args: object, **_kwargs: object) -> None:
        raise urllib.error.URLError("no network here")

    monkeypatch.setattr(torch.hub, "urlopen", offline)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    return tmp_path / "hub" / "checkpoints"


@pytest.mark.parametrize("network", ["vgg19", "vgg16", "squeezenet1_0", "squeezenet1_1"])
def test_offline_the_missing_file_and_its_place_are_named(network: str, cache: Path) -> None:
    with pytest.raises(WeightsError) as caught:
        imagenet_weights(network)
    message = str(caught.value)
    assert "no network here" in message
    assert f"put {network}-" in message
    assert f"into {cache}" in message
    assert "method.recipe=wavelet" in message
    assert "\n" not in message


def test_a_cache_that_cannot_be_written_is_a_weights_error(cache: Path) -> None:
    cache.parent.parent.joinpath("hub").write_text("a file where the folder should be")
    with pytest.raises(WeightsError, match="not to be had"):
        imagenet_weights("vgg19")


def test_the_cached_file_is_used_offline(
    state: dict[str, Tensor], cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = saved(prefixed(state, "features."), tmp_path)
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    _announce(f"https://nowhere.invalid/models/squeezenet1_0-{sha256[:8]}.pth", monkeypatch)
    cache.mkdir(parents=True)
    path.rename(cache / f"squeezenet1_0-{sha256[:8]}.pth")
    assert imagenet_weights("squeezenet1_0").sha256 == sha256


def test_a_cached_file_of_another_hash_is_refused(state: dict[str, Tensor], cache: Path) -> None:
    """The right layout, but not the published weights: an interrupted copy, or somebody else's."""
    cache.mkdir(parents=True)
    path = saved(prefixed(state, "features."), cache, "squeezenet1_0-b66bff10.pth")
    with pytest.raises(WeightsError, match="is damaged") as caught:
        imagenet_weights("squeezenet1_0")
    assert str(path) in str(caught.value)
    assert "delete it" in str(caught.value)


def test_a_download_of_another_hash_is_refused_and_not_kept(
    state: dict[str, Tensor], cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = saved(state, tmp_path, "squeezenet1_0-00000000.pth")
    _announce(path.as_uri(), monkeypatch)
    monkeypatch.setattr(torch.hub, "urlopen", urllib.request.urlopen)
    with pytest.raises(WeightsError, match="hash"):
        imagenet_weights("squeezenet1_0")
    assert list(cache.iterdir()) == []


def _announce(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let torchvision publish its weights at `url`."""
    import torchvision.models

    published = type("Published", (), {"DEFAULT": type("Entry", (), {"url": url})})
    monkeypatch.setattr(torchvision.models, "get_model_weights", lambda name: published)


@pytest.fixture(scope="module")
def real_squeezenet() -> Path:
    if not SQUEEZENET_FILE.exists():
        pytest.skip(f"{SQUEEZENET_FILE} is not here: it is no part of the repository")
    return SQUEEZENET_FILE


def test_the_real_squeezenet_loads_by_its_path(real_squeezenet: Path) -> None:
    layers = ContentTerm((("fire5", 1.0),)), StyleTerm((("relu1", 1.0),))
    extractor = build_extractor(Recipe("real", *layers, features="squeezenet1_0", weights=str(real_squeezenet)))
    assert extractor.weights_sha256 == weights.hash_file(real_squeezenet)
    filters = extractor.get_parameter("body.0.weight")
    assert filters.shape == (96, 3, 7, 7)
    neighbours = torch.stack([filters[..., 1:].flatten(), filters[..., :-1].flatten()])
    assert torch.corrcoef(neighbours)[0, 1] > 0.2, "learned filters are smooth, random ones are not"


def test_weights_say_where_they_come_from_when_they_do_not_fit() -> None:
    with pytest.raises(WeightsError, match=r"^The random draw does not fit"):
        Weights({}, "", "The random draw").state_for({"0.weight": torch.ones(1)})
