"""Recipes as plain YAML or JSON data."""

from __future__ import annotations

import dataclasses
from typing import Any

from nst_core.engine.transfer.recipe import MethodRecipe, TransferRecipe


def recipe_dict(recipe: MethodRecipe) -> dict[str, Any]:
    """The recipe as plain YAML or JSON data, which `load_method` can read."""
    data = dataclasses.asdict(recipe)
    if isinstance(recipe, TransferRecipe):
        return {key: list(value) if isinstance(value, tuple) else value for key, value in data.items()}
    data["style"]["beside"] = list(data["style"]["beside"])
    data["style"], *data["style"]["beside"] = map(_given_options, (data["style"], *data["style"]["beside"]))
    data["stages"] = list(map(_given_options, data["stages"]))
    for term in (data["content"], data["style"], *data["style"]["beside"]):
        term["layers"] = dict(term["layers"])
    return {key: list(value) if isinstance(value, tuple) else value for key, value in data.items()}


def _given_options(term: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in term.items() if value is not None}
