"""The sequential reference minimises the recipe's own objective, by other means."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from nst_core.engine.bench.network import PlainNetwork
from nst_core.engine.bench.reference import Reference
from nst_core.engine.features import build_extractor
from nst_core.engine.objective import Objective
from nst_core.engine.recipe import Recipe
from nst_core.engine.style_targets import style_target
from nst_core.engine.terms import ContentTerm, StyleTerm
from nst_core.errors import ConfigError

SQUEEZENET = Recipe(
    "squeeze",
    ContentTerm((("fire5", 1.0),), "relative", "style"),
    StyleTerm((("relu1", 1.0), ("fire2", 0.5), ("fire5", 1.0)), "frobenius"),
    features="squeezenet1_0",
    weights="random",
    beta=4.0,
    range_weight=1000.0,
    tv_weight=0.5,
)
VGG = Recipe(
    "vgg",
    ContentTerm((("conv2_2", 1.0),), "half_sum"),
    StyleTerm((("conv1_1", 1.0), ("relu1_2", 1.0), ("relu2_1", 0.2)), "gatys"),
    features="vgg16",
    weights="random",
    pooling="average",
    inputs="caffe",
    alpha=1e-3,
)
WAVELET = Recipe(
    "wavelet",
    ContentTerm((("luminance1", 1.0),), "relative", "style"),
    StyleTerm((("first0", 0.2), ("second0", 1.0)), "relative"),
    features="wavelet",
    beta=5.0,
)


def picture(seed: int, height: int = 48, width: int = 40) -> Tensor:
    coarse = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(seed))
    return nn.functional.interpolate(coarse, size=(height, width), mode="bilinear")[0]


@pytest.mark.parametrize("recipe", [SQUEEZENET, VGG, WAVELET], ids=lambda recipe: recipe.name)
@pytest.mark.parametrize("start", ["content", "noise"])
def test_its_losses_are_those_of_our_objective(recipe: Recipe, start: str) -> None:
    content, style = picture(1), picture(2, 40, 56)
    image = content if start == "content" else 1.4 * torch.rand(content.shape, generator=torch.Generator()) - 0.2
    extractor = build_extractor(recipe)
    objective = Objective(recipe, extractor, content[None], [style_target(style, recipe, extractor)])
    terms = objective.terms(image[None])
    reference = Reference(recipe, extractor)
    targets = reference.targets(content, style)
    torch.testing.assert_close(reference.total(image[None], targets), terms.total[0], rtol=1e-5, atol=0)
    ours = objective.minimised_loss(terms, image[None])[0]
    torch.testing.assert_close(reference.loss(image, targets), ours, rtol=1e-5, atol=0)


@pytest.mark.parametrize("recipe", [SQUEEZENET, VGG, WAVELET], ids=lambda recipe: recipe.name)
def test_its_gradient_is_that_of_our_objective(recipe: Recipe) -> None:
    content, style = picture(1), picture(2)
    extractor = build_extractor(recipe)
    objective = Objective(recipe, extractor, content[None], [style_target(style, recipe, extractor)])
    mine, theirs = content.clone().requires_grad_(True), content.clone().requires_grad_(True)
    objective.minimised_loss(objective.terms(mine[None]), mine[None]).sum().backward()
    reference = Reference(recipe, extractor)
    reference.loss(theirs, reference.targets(content, style)).backward()
    assert mine.grad is not None
    assert theirs.grad is not None
    torch.testing.assert_close(theirs.grad, mine.grad, rtol=1e-3, atol=1e-5 * float(mine.grad.abs().max()))


def test_it_spends_the_evaluations_it_is_given_and_lowers_the_loss() -> None:
    content, style = picture(1), picture(2)
    reference = Reference(SQUEEZENET, build_extractor(SQUEEZENET))
    calls, loss = [], reference.loss

    def counted(image: Tensor, targets: object) -> Tensor:
        calls.append(1)
        return loss(image, targets)  # type: ignore[arg-type]

    reference.loss = counted  # type: ignore[method-assign]
    made = reference.stylize(content, style, 12)
    targets = reference.targets(content, style)
    assert len(calls) == 12
    assert made.min() >= 0
    assert made.max() <= 1
    assert reference.total(made[None], targets) < 0.9 * reference.total(content[None], targets)


def test_it_runs_torchvisions_modules_and_no_deeper_than_it_must() -> None:
    network = PlainNetwork(SQUEEZENET, build_extractor(SQUEEZENET))  # type: ignore[arg-type]
    assert network.names[-1] == "fire5"
    assert isinstance(network.body[1], nn.ReLU)
    assert network.body[1].inplace
    tapped = PlainNetwork(VGG, build_extractor(VGG))  # type: ignore[arg-type]
    assert not any(module.inplace for module in tapped.body if isinstance(module, nn.ReLU))
    assert any(isinstance(module, nn.AvgPool2d) for module in tapped.body)


@pytest.mark.parametrize(
    "recipe",
    [
        replace(SQUEEZENET, style=StyleTerm((("fire3_conv", 1.0),))),
        replace(SQUEEZENET, content=replace(SQUEEZENET.content, colours="grey")),
        replace(SQUEEZENET, colour="content"),
        replace(SQUEEZENET, strength=0.3),
        replace(SQUEEZENET, style=replace(SQUEEZENET.style, loss="sliced")),
        replace(SQUEEZENET, style=replace(SQUEEZENET.style, beside=(SQUEEZENET.style,))),
        replace(SQUEEZENET, content=replace(SQUEEZENET.content, loss="self_similarity")),
    ],
    ids=[
        "inside a fire module",
        "greyscale content",
        "content's colours",
        "strength",
        "sliced",
        "two terms",
        "self-similarity",
    ],
)
def test_what_it_cannot_do_is_said(recipe: Recipe) -> None:
    with pytest.raises(ConfigError, match="--no-reference"):
        Reference(recipe, build_extractor(recipe))
