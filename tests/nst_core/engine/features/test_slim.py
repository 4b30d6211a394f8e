"""The slim network: maps whose losses are those of VGG-19's channels, and the file of its weights."""

from __future__ import annotations

import hashlib
import io
import json
import pickle
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from wide_features import WideFeatures

from nst_core.engine.bench.flops import evaluation_flops
from nst_core.engine.channel_counts import content_in_counts, style_in_counts
from nst_core.engine.features import build_extractor
from nst_core.engine.features.slim import SHIPPED, SlimFeatures, metric_root, network_bytes, read_network, slim_features
from nst_core.engine.features.slim_network import LAYERS, SlimNetwork
from nst_core.engine.losses import CONTENT_LOSSES, GRAM_LOSSES, gram_matrix
from nst_core.engine.objective import Objective
from nst_core.engine.recipe import Recipe
from nst_core.engine.style_targets import style_target
from nst_core.engine.terms import ContentTerm, StyleTerm
from nst_core.errors import ConfigError, WeightsError
from nst_core.recipes import load_recipe

VGG19_FLOPS = 63.2e9
"""Of VGG-19 to relu4_1 and back, for 256 × 256 pixels, as `evaluation_flops` counts them."""

BY_PRODUCTS = ["gatys", "mean", "half_sum", "mean_by_size", "frobenius"]
"""Losses of Gram matrices that are the same for all maps with the same inner products."""


@pytest.fixture
def draw() -> torch.Generator:
    return torch.Generator().manual_seed(3)


@pytest.fixture
def network(draw: torch.Generator) -> SlimNetwork:
    return SlimNetwork((4, 6, 8, 10), draw)


@pytest.fixture
def images(draw: torch.Generator) -> Tensor:
    return torch.rand(2, 3, 24, 32, generator=draw)


@pytest.mark.parametrize("loss", BY_PRODUCTS)
def test_a_style_loss_of_the_maps_is_that_of_vgg_channels(loss: str, draw: torch.Generator) -> None:
    features, style = torch.rand(2, 3, 7, 5, 6, generator=draw, dtype=torch.float64)
    projection = torch.rand(40, 7, generator=draw, dtype=torch.float64)
    root = metric_root(projection)
    of_vgg, of_slim = (
        GRAM_LOSSES[loss](gram_matrix(apply(m, features)), gram_matrix(apply(m, style)), 30) for m in (projection, root)
    )
    term = style_in_counts(StyleTerm((("layer", 1.0),), loss), {"layer": 7 / 40})  # type: ignore[arg-type]
    assert torch.allclose(of_slim * term.layers[0][1], of_vgg, rtol=1e-6)


@pytest.mark.parametrize("loss", sorted(CONTENT_LOSSES.keys() - {"scaled"}))
def test_a_content_loss_of_the_maps_is_that_of_vgg_channels(loss: str, draw: torch.Generator) -> None:
    features, content = 1e3 * torch.rand(2, 3, 7, 5, 6, generator=draw, dtype=torch.float64)
    projection = torch.rand(40, 7, generator=draw, dtype=torch.float64)
    of_vgg, of_slim = (
        CONTENT_LOSSES[loss](apply(m, features), apply(m, content)) for m in (projection, metric_root(projection))
    )
    term = content_in_counts(ContentTerm((("layer", 1.0),), loss), {"layer": 7 / 40})  # type: ignore[arg-type]
    assert torch.allclose(of_slim * term.layers[0][1], of_vgg, rtol=1e-6)


@pytest.mark.parametrize("loss", BY_PRODUCTS)
def test_the_objective_is_that_of_a_network_with_vgg_channels(loss: str, network: SlimNetwork, images: Tensor) -> None:
    terms = ContentTerm((("relu2_1", 0.5),), "mean"), StyleTerm(tuple((name, 1.0) for name in LAYERS), loss)  # type: ignore[arg-type]
    recipe = Recipe("test", *terms, features="slim", weights="random")
    network.double()
    own, wide = SlimFeatures(network, "a"), WideFeatures(network)
    found = []
    for extractor in (own, wide):
        targets = [style_target(image, recipe, extractor) for image in images.double()]
        objective = Objective(recipe, extractor, images.double(), targets)
        terms_found = objective.terms(images.double().flip(3).roll(5, 2))
        found.append(torch.stack([terms_found.content, terms_found.style]))
    assert torch.allclose(*found, rtol=1e-6)


def apply(matrix: Tensor, maps: Tensor) -> Tensor:
    return torch.einsum("nc,bchw->bnhw", matrix, maps)


def test_only_the_blocks_that_are_needed_are_computed(network: SlimNetwork, images: Tensor) -> None:
    extractor = SlimFeatures(network, None)
    every = extractor(images, LAYERS)
    assert [tuple(every[layer].shape[1:]) for layer in LAYERS] == [(4, 24, 32), (6, 12, 16), (8, 6, 8), (10, 3, 4)]
    network.convolutions["conv3_1"].weight.data.fill_(torch.nan)
    assert torch.equal(extractor(images, ["relu2_1"])["relu2_1"], every["relu2_1"])
    assert extractor(images, []) == {}


def test_the_shortest_side_leaves_a_position(network: SlimNetwork) -> None:
    extractor = SlimFeatures(network, None)
    for layer in LAYERS:
        side = extractor.min_side([layer])
        assert min(extractor(torch.rand(1, 3, side, side), [layer])[layer].shape) == 1
    assert extractor.min_side(LAYERS) == 8


def test_an_unknown_layer_is_named(network: SlimNetwork, images: Tensor) -> None:
    with pytest.raises(KeyError, match="slim has no layer 'relu5_1'"):
        SlimFeatures(network, None)(images, ["relu5_1"])


def test_bfloat16_maps_are_nearly_those_of_float32(network: SlimNetwork, images: Tensor) -> None:
    full = SlimFeatures(network, None)(images, LAYERS)
    half = SlimFeatures(network, None).in_bfloat16()(images, LAYERS)
    for layer in LAYERS:
        assert half[layer].dtype == torch.bfloat16
        assert (half[layer].float() - full[layer]).norm() < 0.02 * full[layer].norm()


def test_a_file_gives_the_network_back(network: SlimNetwork, images: Tensor, tmp_path: Path) -> None:
    network.scales.copy_(torch.tensor([30.0, 100.0, 200.0, 400.0]))
    path = tmp_path / "slim.npz"
    path.write_bytes(network_bytes(network))
    read, own = slim_features(str(path)), SlimFeatures(network, None)
    assert read.weights_sha256 is not None
    assert len(read.weights_sha256) == 64
    for layer in LAYERS:
        maps = own(images, [layer])[layer]
        assert (read(images, [layer])[layer] - maps).norm() < 0.005 * maps.norm()
    assert path.stat().st_size < 2.2 * sum(values.numel() for values in network.state_dict().values()) + 10_000


def test_the_shipped_weights_are_small_and_fit_fast() -> None:
    recipe = load_recipe("fast", {"features": "slim"})
    extractor = build_extractor(recipe)
    assert recipe.weights == "shipped"
    assert set(recipe.layer_names()) <= set(extractor.layers)
    assert SHIPPED.stat().st_size <= 2_000_000


def test_the_card_is_that_of_the_shipped_weights() -> None:
    card = json.loads(SHIPPED.with_suffix(".json").read_text("utf-8"))
    assert card["sha256"] == hashlib.sha256(SHIPPED.read_bytes()).hexdigest()
    for kind in ("photographs", "paintings", "optimised"):
        for layer in LAYERS:
            assert 0.5 < card["measured"][f"{kind}.{layer}"] < 1
    assert "Measured on held-out images" in SHIPPED.with_suffix(".md").read_text("utf-8")


def test_it_needs_less_than_a_twelfth_of_the_arithmetic_of_vgg19() -> None:
    recipe = load_recipe("fast", {"features": "slim", "weights": "random"})
    assert evaluation_flops(recipe, build_extractor(recipe), 256, 256).features < VGG19_FLOPS / 12


@pytest.mark.parametrize("fault", ["text", "cut", "pickle", "other", "nan", "shape", "huge"])
def test_what_is_no_such_file_is_refused(fault: str, network: SlimNetwork, tmp_path: Path) -> None:
    path, whole = tmp_path / "slim.npz", network_bytes(network)
    arrays = dict(np.load(io.BytesIO(whole)))
    if fault == "text":
        path.write_text("nothing")
    elif fault == "cut":
        path.write_bytes(whole[: len(whole) // 2])
    elif fault == "pickle":
        np.savez(path, **(arrays | {"conv1_1.bias": np.array([Exploit()], dtype=object)}))
    elif fault == "other":
        np.savez(path, **(arrays | {"format": np.array("another")}))
    elif fault == "nan":
        np.savez(path, **(arrays | {"conv1_1.bias": np.full_like(arrays["conv1_1.bias"], np.nan)}))
    elif fault == "shape":
        np.savez(path, **(arrays | {"conv2_2.weight": arrays["conv1_1.weight"]}))
    else:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("format.npy", bytes(65_000_000))
    with pytest.raises(WeightsError, match=r"slim\.npz is not one of a slim network, or damaged"):
        read_network(path)


class Exploit:
    """Unpickled, it would end the process."""

    def __reduce__(self) -> tuple[object, tuple[int]]:
        import os

        return os._exit, (9,)


def test_the_exploit_would_work() -> None:
    assert b"_exit" in pickle.dumps(Exploit())


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"none\.npz cannot be read"):
        slim_features(str(tmp_path / "none.npz"))


@pytest.mark.parametrize(
    ("features", "changes", "message"),
    [
        ("slim", {"weights": "caffe"}, "set method.weights to shipped"),
        ("slim", {"pooling": "average"}, "set method.pooling to max"),
        ("vgg19", {"weights": "shipped"}, "set method.weights to caffe"),
    ],
)
def test_contradictions_are_told(features: str, changes: dict[str, str], message: str) -> None:
    recipe = replace(load_recipe("fast", {"features": features}), **changes)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=message):
        build_extractor(recipe)


def test_a_recipe_that_names_no_weights_gets_the_shipped_ones(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text("features: slim\ncontent: {layers: {relu3_1: 1}}\nstyle: {layers: {relu3_1: 1}}\n")
    assert load_recipe(str(path)).weights == "shipped"
