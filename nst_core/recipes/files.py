"""The files of recipes: where they are, and what one holds, after those that it is laid over."""

from __future__ import annotations

import copy
import functools
from pathlib import Path
from typing import Any

from nst_core.errors import ConfigError, short, suggestion
from nst_core.storage.expansion import expanded
from nst_core.storage.yaml_files import read_yaml

KINDS = OPTIMISATION, TRANSFER = "optimisation", "transfer"
"""Kinds of method."""

_PACKAGE = Path(__file__).resolve().parents[1]


def configs_folder() -> Path:
    """The folder of shipped run files, beside the code in a checkout and inside the package once installed.

    Recipes are in its `methods/`.
    """
    installed = _PACKAGE / "_configs"
    return installed if installed.is_dir() else _PACKAGE.parent / "configs"


def recipe_names(kind: str | None = None) -> list[str]:
    """The recipes that ship with the package; of one kind of method, or all."""
    names = sorted(path.stem for path in _methods_folder().glob("*.yaml"))
    return [name for name in names if kind is None or recipe_layers(name)[0].get("kind", OPTIMISATION) == kind]


def is_recipe_file(name: str) -> bool:
    """Whether `method.recipe` is the path of a file rather than the name of a shipped recipe."""
    return name.endswith((".yaml", ".yml"))


def recipe_layers(name: str) -> tuple[dict[str, Any], ...]:
    """What a recipe's file holds, and its name, after that of the recipe that it is laid over. Raises ConfigError."""
    if name == TRANSFER:
        return ({"name": TRANSFER, "kind": TRANSFER},)
    known = recipe_names()
    path = Path(expanded(name)) if is_recipe_file(name) else _methods_folder() / f"{name}.yaml"
    if not (is_recipe_file(name) or name in known) or not path.is_file():
        raise ConfigError(
            f"method.recipe: there is no recipe {short(name)}{suggestion(name, known)}. Known: {', '.join(known)}."
        )
    data = read_yaml(path, "recipe") if is_recipe_file(name) else copy.deepcopy(_shipped_data(path))
    if not isinstance(data, dict):
        raise ConfigError(f"The recipe {path} is not a mapping of keys to values.")
    base = data.pop("recipe", None)
    if base is not None and (base == name or base not in known):
        raise ConfigError(
            f"The recipe {path} is laid over {short(base)}, which is no other shipped recipe"
            f"{suggestion(str(base)[:100], known)}."
        )
    return (*(recipe_layers(base) if base else ()), {"name": path.stem, **data})


@functools.cache
def _shipped_data(path: Path) -> Any:
    """What the file of a shipped recipe holds. It is read often, and YAML is slow to read."""
    return read_yaml(path, "recipe")


def _methods_folder() -> Path:
    return configs_folder() / "methods"
