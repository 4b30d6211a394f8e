"""Pictures stylized one at a time by recipes, for the benchmarks of quality."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any

import torch
from pairs import SQUEEZENET, Pair, load
from torch import Tensor

from nst_core.engine.batch import Pairs as Batch
from nst_core.engine.colour import colour_statistics, match_colours
from nst_core.engine.features import build_extractor
from nst_core.engine.objective import Objective
from nst_core.engine.optimisation import stylize_batch
from nst_core.engine.recipe import Recipe
from nst_core.engine.style_targets import style_target
from nst_core.recipes import load_recipe


@dataclass(frozen=True)
class Picture:
    """A stylised image and what it was made of, (3, H, W) in [0, 1].

    Attributes:
        style: at the scale at which the recipe saw it.
        seconds: that the optimisation took.
    """

    image: Tensor
    content: Tensor
    style: Tensor
    seconds: float = 0.0


def recipe_for(name: str, **overrides: Any) -> Recipe:
    """A recipe (a shipped one, or a YAML file) with overrides: float32 unless they say otherwise, weights from disk."""
    recipe = load_recipe(name, {"precision": "float32", **overrides})
    has_file = recipe.features == "squeezenet1_0" and recipe.weights == "imagenet" and SQUEEZENET.is_file()
    return replace(recipe, weights=str(SQUEEZENET)) if has_file else recipe


def make(pair: Pair, recipe: Recipe) -> Picture:
    """The pair stylised."""
    content, style = sources(pair, recipe)
    extractor = build_extractor(recipe)
    start = time.perf_counter()
    batch = Batch(content[None], [style_target(style, recipe, extractor, content)], [0])
    image = stylize_batch(batch, recipe, extractor).images[0]
    return Picture(image, content, style, time.perf_counter() - start)


def sources(pair: Pair, recipe: Recipe) -> tuple[Tensor, Tensor]:
    """Content and style at the recipe's sizes."""
    return load(pair.content, recipe.size), load(pair.style, recipe.style_size(recipe.size))


def final_loss(picture: Picture, recipe: Recipe) -> float:
    """The total loss of a picture, in float32 whatever it was made in."""
    recipe = replace(recipe, precision="float32")
    extractor = build_extractor(recipe)
    objective = Objective(recipe, extractor, picture.content[None], [style_target(picture.style, recipe, extractor)])
    with torch.no_grad():
        return float(objective.terms(picture.image[None]).total)


def colour_matched(picture: Picture) -> Tensor:
    """The content in the style's colours: what any style transfer must beat."""
    return match_colours(picture.content, colour_statistics(picture.style))
