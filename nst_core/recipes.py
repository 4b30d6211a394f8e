"""Recipes by name: `configs/methods/*.yaml`, with overrides, as the engine's frozen dataclasses.

Needs PyYAML only, so that the engine and its recipes run on a bare GPU machine.
"""

from __future__ import annotations

import dataclasses
import difflib
import types
import typing
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from nst_core.engine.recipe import Layers, Recipe
from nst_core.errors import ConfigError
from nst_core.shipped import configs_folder


def recipe_names() -> list[str]:
    """The recipes that ship with the package."""
    return sorted(path.stem for path in _methods_folder().glob("*.yaml"))


def load_recipe(name: str, overrides: Mapping[str, Any] | None = None) -> Recipe:
    """The recipe `name` (a shipped one, or the path of a YAML file) with `overrides` laid over it.

    Overrides have the shape of the file: `{"evaluations": 50, "style": {"layers": {"relu1_1": 1.0}}}`. Sections are
    merged key by key; `layers` are replaced as a whole.

    Raises:
        ConfigError: no such recipe, an unknown key, or a value of the wrong type.
    """
    path = Path(name) if name.endswith((".yaml", ".yml")) else _methods_folder() / f"{name}.yaml"
    if not path.is_file():
        known = recipe_names()
        raise ConfigError(
            f"method.recipe: there is no recipe {name!r}{suggestion(name, known)}. Known: {', '.join(known)}."
        )
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"The recipe {path} is not valid YAML: {error}") from error
    if not isinstance(data, dict):
        raise ConfigError(f"The recipe {path} is not a mapping of keys to values.")
    merged = _merge({"name": path.stem, **data}, overrides or {})
    return typing.cast(Recipe, _build(Recipe, merged, "method"))


def recipe_dict(recipe: Recipe) -> dict[str, Any]:
    """The recipe as plain YAML or JSON data, the inverse of `load_recipe`'s reading."""
    data = dataclasses.asdict(recipe)
    for section in ("content", "style"):
        data[section]["layers"] = dict(data[section]["layers"])
    return data


def suggestion(word: str, known: Iterable[str]) -> str:
    """` (did you mean …?)` for the nearest known word, or nothing."""
    nearest = difflib.get_close_matches(word, list(known), n=1)
    return f" (did you mean {nearest[0]!r}?)" if nearest else ""


def _methods_folder() -> Path:
    return configs_folder() / "methods"


def _merge(base: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in overrides.items():
        inner = merged.get(key)
        both = isinstance(inner, Mapping) and isinstance(value, Mapping) and key != "layers"
        merged[key] = _merge(inner, value) if both else value  # type: ignore[arg-type]
    return merged


def _build(kind: Any, data: Any, where: str) -> Any:
    """An instance of the dataclass `kind` from plain data, every key and type checked; `where` names it in messages."""
    if not isinstance(data, Mapping):
        raise ConfigError(f"{where} must be a section of keys and values, not {data!r}.")
    hints = typing.get_type_hints(kind)
    for key in data:
        if key not in hints:
            raise ConfigError(f"{where}.{key} is not a known key{suggestion(str(key), hints)}.")
    missing = [f.name for f in dataclasses.fields(kind) if _required(f) and f.name not in data]
    if missing:
        raise ConfigError(f"{where} lacks {', '.join(missing)}.")
    return kind(**{key: _value(hints[key], value, f"{where}.{key}") for key, value in data.items()})


def _required(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _value(hint: Any, value: Any, where: str) -> Any:
    if hint == Layers:
        return _layers(value, where)
    if dataclasses.is_dataclass(hint):
        return _build(hint, value, where)
    if typing.get_origin(hint) is typing.Literal:
        choices = typing.get_args(hint)
        if value not in choices:
            hints = suggestion(str(value), [str(c) for c in choices])
            raise ConfigError(f"{where} is {value!r}{hints}; it can be {', '.join(map(str, choices))}.")
        return value
    if hint is float:
        return _number(value, where)
    if hint is int:
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise ConfigError(f"{where} is {value!r}; it must be a whole number, 1 or more.")
        return value
    if not isinstance(value, hint if isinstance(hint, type | types.UnionType) else object):
        raise ConfigError(f"{where} is {value!r}; it must be of type {getattr(hint, '__name__', hint)}.")
    return value


def _number(value: Any, where: str) -> float:
    if isinstance(value, str):
        value = _float_or_none(value)  # YAML 1.1 reads 1e-3 as text
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
        raise ConfigError(f"{where} must be a number, 0 or more.")
    return float(value)


def _float_or_none(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _layers(value: Any, where: str) -> Layers:
    if isinstance(value, list):
        value = dict.fromkeys(value, 1.0)
    if not isinstance(value, Mapping) or not value:
        raise ConfigError(f"{where} must map layer names to weights, e.g. {{relu4_2: 1.0}}.")
    return tuple((str(name), _number(weight, f"{where}.{name}")) for name, weight in value.items())
