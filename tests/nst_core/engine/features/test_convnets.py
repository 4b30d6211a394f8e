"""Taps of torchvision's networks, against torchvision's own modules with the same weights, run by hand."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
import torch.nn.functional as F
import torchvision.models as models
from torch import Tensor, nn

from nst_core.engine.features import EXTRACTORS, build_extractor
from nst_core.engine.features.convnets import CONVNETS, ConvNet, build_convnet, random_state
from nst_core.engine.features.weights import Weights, random_weights
from nst_core.engine.recipe import Recipe
from nst_core.engine.terms import ContentTerm, StyleTerm
from nst_core.errors import ConfigError

RGB_MEAN, RGB_STD = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])

# Indices in torchvision's `features` (for VGG as in every tutorial), by our names.
TAPS = {
    "vgg19": {"conv1_1": 0, "relu1_1": 1, "pool1": 4, "conv2_2": 7, "conv4_2": 21, "relu4_2": 22, "relu5_1": 29},
    "vgg16": {"conv1_2": 2, "relu2_2": 8, "conv4_2": 19, "relu4_2": 20, "pool4": 23, "relu5_3": 29},
    "squeezenet1_0": {"conv1": 0, "relu1": 1, "pool1": 2, "fire2": 3, "fire4": 5, "pool2": 6, "fire8": 10, "fire9": 12},
    "squeezenet1_1": {"conv1": 0, "relu1": 1, "fire3": 4, "pool2": 5, "fire5": 7, "pool3": 8, "fire9": 12},
}

every_network = pytest.mark.parametrize("name", CONVNETS)


@pytest.fixture(scope="module")
def states() -> dict[str, dict[str, Tensor]]:
    return {name: random_state(name) for name in CONVNETS}


@pytest.fixture(scope="module")
def networks(states: dict[str, dict[str, Tensor]]) -> dict[str, ConvNet]:
    """Ours."""
    return {name: convnet(name, states[name]) for name in CONVNETS}


@pytest.fixture(scope="module")
def torchvisions(states: dict[str, dict[str, Tensor]]) -> dict[str, nn.Sequential]:
    """torchvision's, with the same weights, and with ReLUs that leave their input alone."""
    bodies = {}
    for name in CONVNETS:
        with torch.device("meta"):
            body: nn.Sequential = getattr(models, name)().features
        body.load_state_dict(states[name], assign=True)
        for module in body.modules():
            if isinstance(module, nn.ReLU):
                module.inplace = False
        bodies[name] = body.eval()
    return bodies


def convnet(name: str, state: dict[str, Tensor], pooling: Any = "max", inputs: Any = "torchvision") -> ConvNet:
    return build_convnet(name, Weights(state, "", ""), pooling, inputs)


def images(side: int = 64, batch: int = 1) -> Tensor:
    return torch.rand(batch, 3, side, side + 5, generator=torch.Generator().manual_seed(0))


def normalised(x: Tensor) -> Tensor:
    return (x - RGB_MEAN[:, None, None]) / RGB_STD[:, None, None]


@every_network
def test_taps_are_torchvision_s_maps(
    name: str, networks: dict[str, ConvNet], torchvisions: dict[str, nn.Sequential]
) -> None:
    maps = networks[name](images(), list(TAPS[name]))
    with torch.no_grad():
        for tap, index in TAPS[name].items():
            torch.testing.assert_close(maps[tap], torchvisions[name][: index + 1](normalised(images())), msg=tap)


@pytest.mark.parametrize("name", ["vgg19", "vgg16"])
def test_convolutions_are_tapped_before_their_relu_whatever_else_is_asked_for(
    name: str, networks: dict[str, ConvNet]
) -> None:
    """The old trap: torchvision's in-place ReLU would turn conv4_2 into relu4_2."""
    both = networks[name](images(), ["conv4_2", "relu4_2"])
    alone = networks[name](images(), ["conv4_2"])
    assert both["conv4_2"].min() < 0
    assert torch.equal(both["conv4_2"], alone["conv4_2"])
    assert torch.equal(both["relu4_2"], F.relu(both["conv4_2"]))


@pytest.mark.parametrize("name", ["squeezenet1_0", "squeezenet1_1"])
def test_fire_modules_are_tapped_before_and_after_their_relu(
    name: str, networks: dict[str, ConvNet], torchvisions: dict[str, nn.Sequential]
) -> None:
    maps = networks[name](images(), ["fire2_conv", "fire2"])
    fire: Any = torchvisions[name][3]
    with torch.no_grad():
        squeezed = F.relu(fire.squeeze(torchvisions[name][:3](normalised(images()))))
        expected = torch.cat([fire.expand1x1(squeezed), fire.expand3x3(squeezed)], 1)
    assert maps["fire2_conv"].min() < 0
    torch.testing.assert_close(maps["fire2_conv"], expected)
    assert torch.equal(maps["fire2"], F.relu(maps["fire2_conv"]))


@every_network
def test_average_pooling_takes_the_place_of_every_maximum(
    name: str, states: dict[str, dict[str, Tensor]], torchvisions: dict[str, nn.Sequential]
) -> None:
    body = copy.deepcopy(torchvisions[name])
    for index, module in enumerate(body):
        if isinstance(module, nn.MaxPool2d):
            body[index] = nn.AvgPool2d(module.kernel_size, module.stride, ceil_mode=module.ceil_mode)  # type: ignore[arg-type]
    last, index = list(TAPS[name].items())[-1]
    with torch.no_grad():
        maps = convnet(name, states[name], "average")(images(), [last])
        torch.testing.assert_close(maps[last], body[: index + 1](normalised(images())))


def test_caffe_inputs_are_bgr_from_0_to_255_less_their_mean(
    states: dict[str, dict[str, Tensor]], torchvisions: dict[str, nn.Sequential]
) -> None:
    maps = convnet("vgg19", states["vgg19"], inputs="caffe")(images(), ["conv1_1", "relu2_1"])
    bgr = images()[:, [2, 1, 0]] * 255 - torch.tensor([103.939, 116.779, 123.68]).view(1, 3, 1, 1)
    with torch.no_grad():
        torch.testing.assert_close(maps["conv1_1"], torchvisions["vgg19"][0](bgr))
        torch.testing.assert_close(maps["relu2_1"], torchvisions["vgg19"][:7](bgr))


@every_network
def test_nothing_past_the_deepest_layer_is_computed(name: str, states: dict[str, dict[str, Tensor]]) -> None:
    network = convnet(name, states[name])
    calls: list[nn.Module] = []
    convolutions = [module for module in network.body.modules() if isinstance(module, nn.Conv2d)]
    for module in convolutions:
        module.register_forward_hook(lambda module, *_: calls.append(module))
    shallow, deep = list(TAPS[name])[1], list(TAPS[name])[3]
    network(images(), [deep, shallow])
    needed = [m for m in convolutions if any(m is inner for inner in network.body[: TAPS[name][deep] + 1].modules())]
    assert len(calls) == len(needed) < len(convolutions)
    assert network(images(), []) == {}
    assert len(calls) == len(needed)


@every_network
def test_an_unknown_layer_is_answered_with_those_there_are(name: str, networks: dict[str, ConvNet]) -> None:
    for ask in (lambda: networks[name](images(), ["relu9_9"]), lambda: networks[name].min_side(["relu9_9"])):
        with pytest.raises(KeyError, match=f"{name} has no layer 'relu9_9'; it has .*{networks[name].layers[-1]}"):
            ask()


@pytest.mark.parametrize("pooling", ["max", "average"])
@every_network
def test_min_side_is_exact(name: str, pooling: str, states: dict[str, dict[str, Tensor]]) -> None:
    network = convnet(name, states[name], pooling)
    for layer in TAPS[name]:
        side = network.min_side([layer])
        large = torch.rand(1, 3, side, side + 9)
        with torch.no_grad():
            assert network(large, [layer])[layer].shape[2] >= 1
            if side > 1:
                with pytest.raises(RuntimeError):
                    network(large[:, :, 1:], [layer])


def test_min_side_is_that_of_the_deepest_layer(networks: dict[str, ConvNet]) -> None:
    assert networks["vgg19"].min_side(["relu5_1", "relu1_1"]) == 16
    assert networks["vgg19"].min_side(["relu1_1"]) == 1


def test_images_do_not_mix(networks: dict[str, ConvNet]) -> None:
    batch = images(batch=3)
    batch[1] = float("nan")
    maps = networks["squeezenet1_1"](batch, ["fire5"])["fire5"]
    torch.testing.assert_close(maps[2:], networks["squeezenet1_1"](batch[2:], ["fire5"])["fire5"])
    assert maps[1].isnan().any()


def test_networks_are_frozen_but_images_are_not(networks: dict[str, ConvNet]) -> None:
    network = networks["squeezenet1_0"]
    x = images().requires_grad_(True)
    network(x, ["fire2"])["fire2"].sum().backward()
    assert x.grad is not None
    assert all(not parameter.requires_grad for parameter in network.parameters())
    assert not network.training


@every_network
def test_layers_are_listed_by_depth(name: str, networks: dict[str, ConvNet]) -> None:
    layers = networks[name].layers
    assert len(set(layers)) == len(layers)
    assert [layer for layer in layers if layer in TAPS[name]] == list(TAPS[name])


def recipe(features: str, layer: str) -> Recipe:
    return Recipe("test", ContentTerm(((layer, 1.0),)), StyleTerm(((layer, 1.0),)), features, "random")


@pytest.mark.parametrize("features", ["wavelet", "squeezenet1_1"])
def test_extractors_are_built_by_name(features: str) -> None:
    layer = "first1" if features == "wavelet" else "fire2"
    extractor = build_extractor(recipe(features, layer))
    assert extractor.name == features
    assert extractor.device == torch.device("cpu")
    assert set(extractor(images(), [layer])) == {layer}


def test_an_unknown_extractor_or_layer_is_a_configuration_error() -> None:
    with pytest.raises(ConfigError, match=rf"'resnet'; it can be one of {', '.join(EXTRACTORS)}"):
        build_extractor(recipe("resnet", "relu1"))
    with pytest.raises(ConfigError, match="squeezenet1_1 has no layer 'relu4_2'; it has conv1, relu1"):
        build_extractor(recipe("squeezenet1_1", "relu4_2"))


def test_random_weights_are_what_weights_random_means(networks: dict[str, ConvNet]) -> None:
    extractor = build_extractor(recipe("squeezenet1_0", "fire2"))
    assert extractor.weights_sha256 == random_weights(random_state("squeezenet1_0")).sha256
    assert torch.equal(extractor(images(), ["fire2"])["fire2"], networks["squeezenet1_0"](images(), ["fire2"])["fire2"])
