"""What pydantic finds wrong with a section of the run file, as sentences for the person who wrote it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from nst_core.config.location import LOCATION_FAULT
from nst_core.config.sources import SOURCES
from nst_core.engine.recipe import Recipe
from nst_core.engine.transfer.recipe import TransferRecipe
from nst_core.errors import short, suggestion

_NUMBER_OR_AUTO = ("constrained-int", "literal['auto']")  # how pydantic names the two branches of such a union
_DEVICES = ("literal['auto','cpu']", "list[constrained-int]")

_QUOTED = {True: '"true"', False: '"false"', None: '"null"'}
_YES_OR_NO = "must be true or false"
_WHOLE = "must be a whole number"
_NUMBER = "must be a number"
_SENTENCES = {
    "path_type": "must be a path: put it in quotes if it is the name of a folder or file",
    "missing": "is missing",
    "model_type": "must be a section of keys and values",
    "model_attributes_type": "must be a section of keys and values",
    "dict_type": "must be a section of keys and values",
    "list_type": "must be a list, such as [one, two]",
    "string_unicode": "holds characters that are no text",
    "string_pattern_mismatch": "may hold letters, digits, spaces, `.`, `_` and `-`, and begins with a letter or digit",
    "string_too_short": "must not be empty",
    "string_too_long": "must have at most {max_length} characters",
    "too_short": "must not be empty: leave it out, or name at least one",
    "literal_error": "must be {expected}",
    "bool_type": _YES_OR_NO,
    "bool_parsing": _YES_OR_NO,
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_parsing_size": _WHOLE,
    "int_from_float": _WHOLE,
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "finite_number": "must be a finite number",
    "greater_than": "must be greater than {gt:g}",
    "greater_than_equal": "must be {ge:g} or more",
    "less_than": "must be less than {lt:g}",
    "less_than_equal": "must be {le:g} or less",
}
"""By pydantic's type of the fault; the values are in the fault's context."""


def faults(error: ValidationError, model: type[BaseModel]) -> Iterator[str]:
    """One sentence per fault of `model`, the whole run file or a section of it, with the key as in the run file."""
    for fault in error.errors():
        section, location = _place([str(part) for part in fault["loc"]], model)
        key, shown = ".".join(location), f" (it is {short(fault['input'])})" if _is_plain(fault) else ""
        kind, context = fault["type"], fault.get("ctx", {})
        if kind == "extra_forbidden":
            yield f"{key} is not a known key{_nearest_key(location, section)}"
        elif kind in ("union_tag_invalid", "union_tag_not_found"):
            yield f"{key}.source must be one of {', '.join(SOURCES)}"
        elif kind == LOCATION_FAULT:
            yield f"{key}: {fault['msg']}"
        elif location[:2] == ["execution", "tile"]:
            yield f"execution.tile must be a whole number, 64 or more, auto or none{shown}"
        elif location[:2] == ["pairing", "disjoint_styles"]:
            yield f"pairing.disjoint_styles must be true, false or stable{shown}"
        elif location and location[-1] in _NUMBER_OR_AUTO:
            yield f"{_outer(key, location)} must be a whole number, 1 or more, or auto{shown}"
        elif set(location) & set(_DEVICES):
            yield f"{_outer(key, location, _DEVICES)} must be auto, cpu, or a list of GPUs by number, such as [0, 1]"
        elif kind == "string_type":
            yield f"{key} must be text{_in_quotes(fault['input'])}"
        elif kind in _SENTENCES:
            yield f"{key} {_SENTENCES[kind].format_map(context)}{_unless_missing(kind, shown)}"
        else:
            message = fault["msg"].removeprefix("Value error, ")
            yield f"{key}: {message[:1].lower()}{message[1:]}{shown}"


def _in_quotes(value: Any) -> str:
    """The word on quoting: YAML reads some words, and all numbers, as something else than text."""
    if isinstance(value, list | Mapping):
        return ", not a list or section"
    quoted = _QUOTED.get(value) if value is None or isinstance(value, bool) else f'"{value}"'
    return f", and YAML reads it as {'nothing' if value is None else short(value)}: write it in quotes, {quoted}"


def _unless_missing(kind: str, shown: str) -> str:
    return "" if kind in ("missing", "path_type", "string_pattern_mismatch") else shown


def _outer(key: str, location: Sequence[str], tags: Sequence[str] = _NUMBER_OR_AUTO) -> str:
    """The key without the names of a union's branches, and what stands below them."""
    inner = next(place for place, part in enumerate(location) if part in tags)
    return ".".join(location[:inner]) if inner else key


def _nearest_key(location: Sequence[str], model: type[BaseModel]) -> str:
    """The nearest key, or a recipe's key with the section that it lacks, as a question."""
    if len(location) == 1 and location[0] in Recipe.__dataclass_fields__ | TransferRecipe.__dataclass_fields__:
        return f" (did you mean 'method.{location[0]}'?)"
    return suggestion(location[-1][:100], model.model_fields)


def _is_plain(fault: Any) -> bool:
    return isinstance(fault["input"], str | int | float | bool)


def _place(location: Sequence[str], model: type[BaseModel]) -> tuple[type[BaseModel], list[str]]:
    """The model that a fault is in, and its keys as in the run file: without pydantic's tags of sources."""
    keys = list(location)
    if len(keys) > 1 and keys[0] in ("content", "style") and keys[1] in SOURCES:
        model = SOURCES[keys.pop(1)]
    elif len(keys) > 1 and keys[0] in model.model_fields:
        inner = model.model_fields[keys[0]].annotation
        model = inner if isinstance(inner, type) and issubclass(inner, BaseModel) else model
    keys = [short_key(key) for key in keys if key != "[key]"]
    return model, keys


def short_key(key: str) -> str:
    """A key as it is shown, cut where it is long."""
    return key if len(key) <= 100 else f"{key[:100]}…"
