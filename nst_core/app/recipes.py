"""Which recipes can run here, and what a job asks of one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nst_core.config.run_config import Method
from nst_core.engine.features.weights import imagenet_file
from nst_core.engine.recipe import Recipe
from nst_core.recipes import is_recipe_file, recipe_names

NEUTRAL = 50.0
"""The strength at which a recipe has its own style weight."""

DECADE = 25.0
"""Steps of strength that make the style weight ten times as large."""


@dataclass(frozen=True)
class Offer:
    """A recipe that the page offers, or says why not.

    Attributes:
        overrides: of the recipe's keys, laid over it for every job.
        reason: why it cannot run here; None where it can.
        method: as a run file would have it.
    """

    name: str
    description: str
    size: int
    evaluations: int
    reason: str | None
    method: Method

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

    def sized(self, size: int) -> Method:
        """The method of a job at a size."""
        return self.method.model_copy(update={"size": size}) if size != self.size else self.method


def offers(own: Method) -> dict[str, Offer]:
    """By name: the run file's own method first, then every shipped recipe; what cannot run here comes last."""
    first = offer(own)
    others = [offer(Method(recipe=name)) for name in recipe_names() if name != first.name]
    return {one.name: one for one in (first, *sorted(others, key=lambda one: one.reason is not None))}


def offer(method: Method) -> Offer:
    """A recipe with its overrides. Raises ConfigError."""
    recipe = method.resolve()
    name = Path(method.recipe).stem if is_recipe_file(method.recipe) else method.recipe
    return Offer(name, recipe.source, recipe.size, recipe.evaluations, missing(recipe), method)


def missing(recipe: Recipe) -> str | None:
    """Why a recipe cannot run here, if it cannot: nothing is downloaded to find out, and no network loaded."""
    if recipe.features == "wavelet" or recipe.weights == "random":
        return None
    file = imagenet_file(recipe.features) if recipe.weights == "imagenet" else Path(str(recipe.weights))
    if file.is_file():
        return None
    return f"The weights of {recipe.features} are not on this machine: put {file.name} into {_shown(file.parent)}."


def _shown(folder: Path) -> str:
    """A folder without the name of whoever runs this."""
    home = Path.home()
    return f"~/{folder.relative_to(home)}" if folder.is_relative_to(home) else str(folder)


def style_weight(recipe: Recipe, strength: float) -> float | None:
    """The style weight β of a job: the recipe's own at 50, ten times as much at 75, a tenth at 25; None: its own.

    Args:
        strength: 0 to 100.
    """
    if math.isclose(strength, NEUTRAL):
        return None
    return float(recipe.beta * 10 ** ((strength - NEUTRAL) / DECADE))
