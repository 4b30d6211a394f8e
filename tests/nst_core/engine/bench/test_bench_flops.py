"""Operations are counted from shapes: closed forms for every product of a network."""

from __future__ import annotations

import pytest
import torch

from nst_core.engine.bench.flops import evaluation_flops
from nst_core.engine.features import build_extractor
from nst_core.engine.features.convnets import ConvNet, build_convnet
from nst_core.engine.features.weights import Weights
from nst_core.engine.recipe import Recipe
from nst_core.engine.terms import ContentTerm, StyleTerm

VGG19_BLOCKS = ((3, 64, 2), (64, 128, 2), (128, 256, 4), (256, 512, 4), (512, 512, 4))  # channels in and out, depth


def convolutions(size: int, blocks: int, depth_of_last: int) -> int:
    """Forward operations of VGG-19 up to convolution `depth_of_last` of block `blocks`, 2 per multiply-add."""
    total = 0
    for block, (first, channels, depth) in enumerate(VGG19_BLOCKS[:blocks]):
        side, last = size >> block, depth_of_last if block == blocks - 1 else depth
        for layer in range(last):
            total += 2 * side**2 * 9 * (channels if layer else first) * channels
    return total


def weightless_vgg19() -> ConvNet:
    """VGG-19 on the meta device: shapes without numbers."""
    with torch.device("meta"):
        from torchvision.models import vgg

        state = vgg.make_layers(vgg.cfgs["E"]).state_dict()
        return build_convnet("vgg19", Weights(state, "", "shapes"), "max", "torchvision")


def recipe(style: str, content: str = "relu1_1", features: str = "vgg19") -> Recipe:
    return Recipe(
        "test", ContentTerm(((content, 1.0),)), StyleTerm(((style, 1.0),)), features=features, weights="random"
    )


@pytest.mark.parametrize(
    ("style", "size", "block", "gigaflops"),
    [("relu4_1", 256, 4, 63), ("relu5_1", 256, 5, 95), ("relu4_1", 512, 4, 253), ("relu5_1", 512, 5, 379)],
)
def test_vgg19_needs_what_its_convolutions_need(style: str, size: int, block: int, gigaflops: int) -> None:
    flops = evaluation_flops(recipe(style), weightless_vgg19(), size, size)
    assert flops.features == 2 * convolutions(size, block, 1)
    assert round(flops.features / 1e9) == gigaflops


def test_a_gram_matrix_is_one_product_each_way() -> None:
    flops = evaluation_flops(recipe("relu2_1"), weightless_vgg19(), 64, 48)
    assert flops.grams == 2 * (2 * 128 * 128 * 32 * 24)
    assert flops.total == flops.features + flops.grams


def test_squeezenet_counts_both_branches_of_a_fire_module() -> None:
    extractor = build_extractor(recipe("fire2", "relu1", "squeezenet1_0"))
    side = (64 - 7) // 2 + 1
    first = 2 * side**2 * 49 * 3 * 96
    fire = 2 * (side // 2) ** 2 * (96 * 16 + 16 * 64 + 9 * 16 * 64)
    flops = evaluation_flops(recipe("fire2", "relu1", "squeezenet1_0"), extractor, 64, 64)
    assert flops.features == 2 * (first + fire)


def test_wavelets_are_counted_without_weights() -> None:
    extractor = build_extractor(recipe("first0", "luminance0", "wavelet"))
    small = evaluation_flops(recipe("first0", "luminance0", "wavelet"), extractor, 64, 64)
    large = evaluation_flops(recipe("first0", "luminance0", "wavelet"), extractor, 128, 128)
    assert large.grams == 4 * small.grams
    assert large.features >= 4 * small.features > 0


def test_content_in_grey_is_a_second_pass() -> None:
    plain = recipe("relu2_1")
    grey = Recipe("test", ContentTerm(plain.content.layers, colours="grey"), plain.style, weights="random")
    extractor = weightless_vgg19()
    only_first = 2 * convolutions(64, 1, 1)
    both = evaluation_flops(grey, extractor, 64, 64).features
    assert both == evaluation_flops(plain, extractor, 64, 64).features + only_first
