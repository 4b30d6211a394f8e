"""Recipes by name: `configs/methods/*.yaml`, with overrides, as the engine's frozen dataclasses.

Needs PyYAML only, so that the engine and its recipes run on a bare GPU machine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from nst_core.engine.recipe import AS_SHIPPED, Recipe
from nst_core.engine.transfer.recipe import MethodRecipe, TransferRecipe
from nst_core.errors import ConfigError, short, suggestion
from nst_core.recipes.contradictions import contradictions, schedules_at_odds, transfer_contradictions
from nst_core.recipes.files import KINDS, OPTIMISATION, TRANSFER, configs_folder, recipe_layers, recipe_names
from nst_core.recipes.normal_form import normal_form
from nst_core.recipes.overrides import laid_over, merged_keys
from nst_core.recipes.sections import section
from nst_core.recipes.short_forms import write_out
from nst_core.storage.expansion import expanded

__all__ = ["configs_folder", "load_method", "load_recipe", "recipe_names"]


def load_recipe(name: str, overrides: Mapping[str, Any] | None = None) -> Recipe:
    """The recipe `name` of an optimisation, as `load_method` reads it.

    Raises:
        ConfigError: as `load_method`; or the recipe is a transfer network.
    """
    found = load_method(name, overrides)
    if isinstance(found, TransferRecipe):
        raise ConfigError(
            f"method.recipe: {name} is a transfer network, which has no objective: name a recipe that optimises."
        )
    return found


def load_method(name: str, overrides: Mapping[str, Any] | None = None) -> MethodRecipe:
    """The recipe `name` (a shipped one, or the path of a YAML file) with `overrides` laid over it.

    Overrides have the shape of the file: `{"evaluations": 50, "style": {"layers": {"relu1_1": 1.0}}}`. Sections are
    merged key by key; `layers` are replaced as a whole. Where the file has `variants` (keys by name of features), those
    of the chosen features lie between: `{"features": "squeezenet1_0"}` then brings its layers along. A file with
    `recipe: NAME` is laid over that shipped recipe as overrides are. A file with `kind: transfer` has the keys of a
    `TransferRecipe`; `transfer` is such a recipe without a file.

    Raises:
        ConfigError: no such recipe; or unknown keys and values of the wrong type, all of them in one message.
    """
    layers = (*recipe_layers(name), overrides or {})
    if _kind(name, layers) == TRANSFER:
        return _transfer_recipe({**layers[0], **merged_keys(layers[1:])})
    return _optimisation([{key: layer[key] for key in layer if key != "kind"} for layer in layers])


def _kind(name: str, layers: Sequence[Mapping[str, Any]]) -> Any:
    """The kind of method that a recipe's file says, and what is laid over it may say again. Raises ConfigError."""
    kind, wanted = layers[0].get("kind", OPTIMISATION), merged_keys(layers[1:]).get("kind")
    for each in (wanted, kind):
        if each not in (None, *KINDS):
            hint = suggestion(str(each)[:100], KINDS)
            raise ConfigError(f"method.kind is {short(each)}{hint}; it can be {', '.join(KINDS)}.")
    if wanted not in (None, kind):
        raise ConfigError(
            f"method.kind is {short(wanted)}, and the recipe {short(name)} is of kind {short(kind)}: leave one of the "
            "two out."
        )
    return kind


def _optimisation(layers: Sequence[Mapping[str, Any]]) -> Recipe:
    """An optimisation from the keys of its file and what is laid over them. Raises ConfigError."""
    keys = laid_over(layers[0], layers[1:])
    write_out(keys)
    faults = list(schedules_at_odds(merged_keys(layers[:-1]), layers[-1]))
    recipe = section(Recipe, keys, "method", faults)
    if recipe:
        faults += contradictions(recipe)
    if faults or recipe is None:
        raise ConfigError("; ".join(faults) + ".")
    return normal_form(recipe)


def _transfer_recipe(data: dict[str, Any]) -> TransferRecipe:
    """A transfer network from plain data. Raises ConfigError."""
    faults: list[str] = []
    data.setdefault("network", [])
    recipe = section(TransferRecipe, data, "method", faults)
    if recipe:
        faults += transfer_contradictions(recipe)
    if faults or recipe is None:
        raise ConfigError("; ".join(faults) + ".")
    strength = recipe.strength if recipe.strength is not None and recipe.strength < AS_SHIPPED else None
    return replace(recipe, network=tuple(map(expanded, recipe.network)), strength=strength)
