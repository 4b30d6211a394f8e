"""The objective: every shipped recipe against NumPy in float64, weights per row, targets and their blends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy_style_losses import style_value
from torch import Tensor

from nst_core.engine.batch import Pairs
from nst_core.engine.colour import colour_statistics, match_colours
from nst_core.engine.features import build_extractor
from nst_core.engine.features.base import Extractor
from nst_core.engine.objective import Objective
from nst_core.engine.recipe import Recipe
from nst_core.engine.starts import initial_images
from nst_core.engine.style_targets import StyleTarget, blend_targets, style_target
from nst_core.engine.terms import ContentTerm, StyleTerm
from nst_core.recipes import load_recipe, recipe_names

PLAIN = sorted(set(recipe_names("optimisation")) - {"nnst", "strotss", "portrait"})
"""Those whose losses sum layer by layer; test_feature_set_recipes.py has the others."""

SMALL = Recipe(
    "small",
    ContentTerm((("fire3", 1.0),), loss="mean"),
    StyleTerm((("relu1", 0.5), ("fire2", 0.25)), loss="gatys"),
    features="squeezenet1_1",
    weights="random",
    alpha=3.0,
    beta=0.5,
    tv_weight=0.1,
)


def picture(height: int, width: int, seed: int) -> Tensor:
    """Smooth colours with some grain, (3, height, width)."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(1, 3, 5, 5, generator=generator)
    smooth = torch.nn.functional.interpolate(coarse, (height, width), mode="bicubic", align_corners=True)[0]
    return (0.8 * smooth + 0.2 * torch.rand(3, height, width, generator=generator)).clamp(0, 1)


@pytest.fixture(scope="module")
def extractor() -> Extractor:
    return build_extractor(SMALL)


def numpy_losses(
    content_maps: Mapping[str, Tensor],
    maps: Mapping[str, Tensor],
    content: Mapping[str, Tensor],
    style: Mapping[str, Tensor],
    image: Tensor,
    compared: Tensor,
    recipe: Recipe,
) -> dict[str, float]:
    """The terms as docs/recipes.md writes them, from feature maps of one image, in NumPy float64."""

    def flat(tensor: Tensor) -> Any:
        return tensor[0].double().numpy().reshape(tensor.shape[1], -1)

    terms = {"content": 0.0, "style": 0.0}
    for name, weight in recipe.content.layers:
        f, p = flat(content_maps[name]), flat(content[name])
        squares = (f - p) ** 2
        variance = ((p - p.mean(axis=1, keepdims=True)) ** 2).mean()
        values = {
            "half_sum": squares.sum() / 2,
            "half_sum_by_size": squares.sum() / 2 / f.shape[1],
            "half_mean": squares.mean() / 2,
            "sum": squares.sum(),
            "mean": squares.mean(),
            "relative": squares.mean() / (variance + 1e-4),
            "scaled": squares.sum() / (abs(f - p).sum() + 1e-8),
        }
        terms["content"] += weight * values[recipe.content.loss]
    laplacians = [numpy_laplacian(each, recipe.content.laplacian_pool) for each in (image, compared)]
    terms["content"] += recipe.content.laplacian * ((laplacians[0] - laplacians[1]) ** 2).mean()
    for term in recipe.style_terms(0):
        for number, (name, weight) in enumerate(term.layers):
            both = (of[name][0].double().numpy() for of in (maps, style))
            terms["style"] += term.weight * weight * style_value(term, number, *both)
    x = image[0].double().numpy()
    vertical, horizontal = np.diff(x, axis=1) ** 2, np.diff(x, axis=2) ** 2
    terms["tv"] = {
        "mean": vertical.mean() + horizontal.mean(),
        "half_sum": 255**2 * (vertical.sum() + horizontal.sum()) / 2,
    }[recipe.tv_loss]
    terms["total"] = recipe.alpha * terms["content"] + recipe.beta * terms["style"] + recipe.tv_weight * terms["tv"]
    return terms


def numpy_laplacian(image: Tensor, pool: int) -> Any:
    values = 255 * image[0].double().numpy().sum(axis=0)
    height, width = values.shape[0] // pool, values.shape[1] // pool
    pooled = values[: height * pool, : width * pool].reshape(height, pool, width, pool).mean(axis=(1, 3))
    around = np.pad(pooled, 1, mode="edge")
    return around[1:-1, :-2] + around[1:-1, 2:] + around[:-2, 1:-1] + around[2:, 1:-1] - 4 * pooled


def grey(images: Tensor) -> Tensor:
    red, green, blue = images.unbind(dim=1)
    return torch.stack([0.299 * red + 0.587 * green + 0.114 * blue] * 3, dim=1)


@pytest.mark.parametrize("size", [64, 80])
@pytest.mark.parametrize("name", PLAIN)
def test_a_shipped_recipe_s_first_losses_equal_numpy_float64(name: str, size: int) -> None:
    recipe = load_recipe(name, {"weights": "random", "normalised": False, "precision": "float32"})
    recipe = replace(recipe, scales=None)
    extractor = build_extractor(recipe)
    content, style = picture(size, size - 16, 0)[None], picture(size - 8, size + 24, 1)[None]
    objective = Objective(recipe, extractor, content, [style_target(style[0], recipe, extractor)])
    images = initial_images(Pairs(content, [], [7]), recipe, objective)
    images = 0.9 * images + 0.1 * picture(size, size - 16, 2)  # a start from the content has no content loss
    with torch.no_grad():
        terms = objective.terms(images)
        compared = content
        if recipe.content.colours == "style":
            compared = match_colours(content[0], colour_statistics(style[0]))[None]
        seen = images
        if recipe.content.colours == "grey":
            seen, compared = (grey(x) for x in (images, compared))
        content_maps, maps, contents, styles = (
            extractor(x, recipe.layer_names()) for x in (seen, images, compared, style)
        )
    expected = numpy_losses(content_maps, maps, contents, styles, images, compared, recipe)
    for term, value in expected.items():
        assert getattr(terms, term).dtype == torch.float32
        assert getattr(terms, term).item() == pytest.approx(value, rel=1e-6), term


def test_the_total_is_the_weighted_sum_of_the_terms(extractor: Extractor) -> None:
    terms = objective(extractor).terms(torch.stack([picture(40, 48, 5), picture(40, 48, 6)]))
    torch.testing.assert_close(terms.total, 3.0 * terms.content + 0.5 * terms.style + 0.1 * terms.tv)
    assert torch.equal(terms.stacked(), torch.stack([terms.content, terms.style, terms.tv, terms.total]))


def test_every_row_can_have_weights_of_its_own(extractor: Extractor) -> None:
    images = torch.stack([picture(40, 48, 5), picture(40, 48, 6)])
    plain = objective(extractor).terms(images)
    own = objective(extractor, alpha=torch.tensor([1.0, 10.0]), beta=torch.tensor([0.0, 2.0])).terms(images)
    assert torch.equal(own.content, plain.content)
    assert torch.equal(own.style, plain.style)
    expected = torch.stack(
        [plain.content[0] + 0.1 * plain.tv[0], 10 * plain.content[1] + 2 * plain.style[1] + 0.1 * plain.tv[1]]
    )
    torch.testing.assert_close(own.total, expected)


def test_the_range_penalty_is_minimised_but_not_part_of_the_total(extractor: Extractor) -> None:
    images = 1.3 * torch.stack([picture(40, 48, 5), picture(40, 48, 6)])
    plain, penalised = (objective(extractor, replace(SMALL, range_weight=weight)) for weight in (0.0, 100.0))
    terms, same = plain.terms(images), penalised.terms(images)
    assert torch.equal(terms.total, same.total)
    assert torch.equal(plain.minimised_loss(terms, images), terms.total)
    excess = (images - images.clamp(0, 1)).square().flatten(1).mean(dim=1)
    torch.testing.assert_close(penalised.minimised_loss(same, images), same.total + 100 * excess)


@pytest.mark.parametrize("name", PLAIN)
def test_losses_vanish_where_result_content_and_style_are_one(name: str) -> None:
    recipe = replace(
        load_recipe(name, {"weights": "random", "normalised": False, "precision": "float32"}), tv_weight=0.0
    )
    if recipe.style.positions:  # all: other positions of the same maps are others
        recipe = replace(recipe, style=replace(recipe.style, positions=64 * 72))
    extractor = build_extractor(recipe)
    content = picture(64, 72, 0)[None]
    terms = Objective(recipe, extractor, content, [style_target(content[0], recipe, extractor)]).terms(content)
    other = Objective(recipe, extractor, content, [style_target(picture(64, 72, 1), recipe, extractor)]).terms(content)
    assert terms.style.item() < 1e-9 * other.style.item()
    if recipe.content.colours == "content":
        assert terms.content.item() == 0
    else:  # matching an image to its own colours only rounds
        assert terms.content.item() < 1e-6


@pytest.mark.parametrize("task", ["content", "style"])
def test_each_task_of_multi_layer_alone_vanishes_at_its_target_and_nowhere_else(task: str) -> None:
    left_out = {"content": "style", "style": "content"}[task]
    overrides = {left_out: {"layers": {}}, "weights": "random", "normalised": False, "precision": "float32"}
    recipe = load_recipe("multi_layer", overrides)
    extractor = build_extractor(recipe)
    content, style = picture(40, 48, 0)[None], picture(40, 48, 1)[None]
    objective = Objective(recipe, extractor, content, [style_target(style[0], recipe, extractor)])
    at_target, elsewhere = {"content": (content, style), "style": (style, content)}[task]
    assert getattr(objective.terms(at_target), task).item() == pytest.approx(0, abs=1e-9 * objective.scale().item())
    assert getattr(objective.terms(elsewhere), task).item() > 0
    assert getattr(objective.terms(elsewhere), left_out).item() == 0


def test_a_pair_s_losses_do_not_depend_on_its_neighbours(extractor: Extractor) -> None:
    images = torch.stack([picture(40, 48, 5), picture(40, 48, 6)])
    together = objective(extractor).terms(images)
    for row in range(2):
        alone = Objective(SMALL, extractor, contents()[row : row + 1], targets(extractor)[row : row + 1])
        torch.testing.assert_close(alone.terms(images[row : row + 1]).stacked()[:, 0], together.stacked()[:, row])


def test_the_scale_is_the_loss_of_empty_feature_maps(extractor: Extractor) -> None:
    class Blind(Extractor):
        def forward(self, images: Tensor, layers: Any) -> dict[str, Tensor]:
            return {name: 0 * maps for name, maps in extractor(images, layers).items()}

    seeing = objective(extractor)
    expected = seeing.scale()
    seeing.extractor = Blind()
    terms = seeing.terms(contents())
    torch.testing.assert_close(expected, 3.0 * terms.content + 0.5 * terms.style)


def test_bfloat16_touches_the_convolutions_only(extractor: Extractor) -> None:
    images = torch.stack([picture(40, 48, 5), picture(40, 48, 6)])
    recipe = replace(SMALL, precision="bfloat16")
    half = objective(build_extractor(recipe), recipe)
    terms, exact = half.terms(images), objective(extractor).terms(images)
    assert terms.stacked().dtype == torch.float32
    assert half.content_maps["fire3"].dtype == torch.bfloat16
    assert not torch.equal(terms.style, exact.style)
    torch.testing.assert_close(terms.stacked(), exact.stacked(), rtol=0.05, atol=0)
    assert torch.equal(terms.tv, exact.tv)


def test_a_style_target_holds_each_layer_s_gram_matrix_and_the_colours(extractor: Extractor) -> None:
    style = picture(50, 30, 3)
    target = style_target(style, SMALL, extractor)
    maps = extractor(style[None], ["relu1", "fire2"])
    ((share, grams),) = target.losses[0, "gatys"]
    assert share == 1
    assert list(grams) == ["relu1", "fire2"]
    for name, gram in grams.items():
        flat = maps[name][0].flatten(1)
        torch.testing.assert_close(gram, flat @ flat.T / flat.shape[1])
    assert torch.equal(target.colours.mean, colour_statistics(style).mean)


def test_a_blend_of_one_is_the_target_itself(extractor: Extractor) -> None:
    target = targets(extractor)[0]
    assert blend_targets([target], [0.3]) is target


@pytest.mark.parametrize("shares", [(1.0, 0.0), (5.0, 0.0), (1.0, 1e-12)])
def test_a_blend_with_all_shares_on_one_style_is_that_style(extractor: Extractor, shares: tuple[float, float]) -> None:
    first, second = targets(extractor)
    assert_same_target(blend_targets([first, second], shares), first)
    assert_same_target(blend_targets([second, first], shares[::-1]), first)


def test_blends_are_weighted_by_shares_whatever_their_sum(extractor: Extractor) -> None:
    first, second = targets(extractor)
    blend = blend_targets([first, second], [1.0, 3.0])
    assert [share for share, _ in blend.losses[0, "gatys"]] == [0.25, 0.75]
    torch.testing.assert_close(blend.colours.mean, 0.25 * first.colours.mean + 0.75 * second.colours.mean)
    assert_same_target(blend_targets([first, second], [0.25, 0.75]), blend)


def test_a_blend_of_gram_matrices_is_a_target_of_their_mean(extractor: Extractor) -> None:
    first, second = targets(extractor)
    own, other = (dict(target.losses[0, "gatys"][0][1]) for target in (first, second))
    grams = {name: (own[name] + 3 * other[name]) / 4 for name in own}
    mean = StyleTarget({(0, "gatys"): ((1.0, grams),)}, first.colours)
    blend = blend_targets([first, second], [1.0, 3.0])
    blended, plain = (Objective(SMALL, extractor, contents()[:1], [each]) for each in (blend, mean))
    image = contents()[1:]
    torch.testing.assert_close(blended.terms(image).style, plain.terms(image).style)


def contents() -> Tensor:
    return torch.stack([picture(40, 48, 0), picture(40, 48, 1)])


def targets(extractor: Extractor) -> list[StyleTarget]:
    return [style_target(image, SMALL, extractor) for image in (picture(50, 30, 3), picture(36, 60, 4))]


def objective(extractor: Extractor, recipe: Recipe = SMALL, **weights: Tensor) -> Objective:
    return Objective(recipe, extractor, contents(), targets(extractor), **weights)


def assert_same_target(one: StyleTarget, other: StyleTarget) -> None:
    assert whole(one).keys() == whole(other).keys()
    for name in whole(one):
        torch.testing.assert_close(whole(one)[name], whole(other)[name])
    torch.testing.assert_close(one.colours.mean, other.colours.mean)
    torch.testing.assert_close(one.colours.covariance, other.colours.covariance)


def whole(target: StyleTarget) -> dict[str, Tensor]:
    """The mean Gram matrix of each layer, by the shares."""
    (blend,) = target.losses.values()
    return {name: torch.stack([share * grams[name] for share, grams in blend]).sum(dim=0) for name in blend[0][1]}
