"""Values of a recipe's keys, checked by the types of the fields that they are for."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping, Sequence
from typing import Any

from nst_core.engine.terms import Layers
from nst_core.errors import short, suggestion

_LARGEST_INT = 2**31 - 1  # what the columns of the results hold
MAX_SCALES = 16
"""Scales, or stages, of a schedule."""


def scalar(hint: Any, value: Any) -> Any:
    """`value` as the type `hint`. Raises ValueError, saying what is wrong."""
    if hint == Layers:
        return _layers(value)
    if hint == tuple[str, ...]:
        return _names(value)
    if hint is float:
        return _number(value)
    if hint is bool:
        return _bool(value)
    if typing.get_origin(hint) is typing.Literal:
        return _choice(typing.get_args(hint), value)
    if type(None) in typing.get_args(hint) and tuple[int, ...] not in typing.get_args(hint):
        return None if value is None else scalar(_without_none(hint), value)
    if hint is int:
        return _whole_number(value)
    if typing.get_origin(hint) in (types.UnionType, typing.Union) and tuple[int, ...] in typing.get_args(hint):
        return _whole_numbers(typing.get_args(hint), value)
    if not isinstance(value, hint if isinstance(hint, type | types.UnionType) else object):
        kind = "text: put it in quotes" if hint is str else f"of type {getattr(hint, '__name__', hint)}"
        raise ValueError(f"is {short(value)}; it must be {kind}")
    return value


def _choice(choices: Sequence[Any], value: Any) -> Any:
    if value not in choices:
        hints = suggestion(str(value)[:100], [str(c) for c in choices])
        raise ValueError(f"is {short(value)}{hints}; it can be {', '.join(map(str, choices))}")
    return choices[choices.index(value)]


def _without_none(hint: Any) -> Any:
    (kind,) = (each for each in typing.get_args(hint) if each is not types.NoneType)
    return kind


def _whole_number(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= _LARGEST_INT:
        raise ValueError(f"is {short(value)}; it must be a whole number, 1 or more")
    return int(value)


def _whole_numbers(kinds: Sequence[Any], value: Any) -> int | tuple[int, ...] | None:
    """A list of whole numbers as a tuple; or what else `kinds` has: one number, or null."""
    if value is None and types.NoneType in kinds:
        return None
    if int in kinds and not isinstance(value, list | tuple):
        return _whole_number(value)
    if not isinstance(value, list | tuple) or not value or len(value) > MAX_SCALES:
        raise ValueError(f"is {short(value)}; it must be a list of 1 to {MAX_SCALES} whole numbers")
    for number in value:
        try:
            _whole_number(number)
        except ValueError as error:
            raise ValueError(f"has a number that {error}") from error
    return tuple(value)


def _bool(value: Any) -> bool:
    if isinstance(value, str):
        value = {"yes": True, "on": True, "no": False, "off": False}.get(value.lower(), value)  # as in YAML 1.1
    if not isinstance(value, bool):
        raise ValueError(f"is {short(value)}; it must be true or false")
    return value


def _number(value: Any) -> float:
    number = _float_or_none(value) if isinstance(value, str | int) and not isinstance(value, bool) else value
    if isinstance(number, bool) or not isinstance(number, int | float) or not 0 <= number < float("inf"):
        raise ValueError(f"is {short(value)}; it must be a number, 0 or more")
    return float(number)


def _float_or_none(number: str | int) -> float | None:
    try:
        return float(number)
    except (ValueError, OverflowError):
        return None


def _names(value: Any) -> tuple[str, ...]:
    names = [value] if isinstance(value, str | int) else value
    if not isinstance(names, list | tuple) or not all(isinstance(name, str | int) for name in names):
        raise ValueError(f"is {short(value)}; it must be a name or a list of names")
    return tuple(str(name) for name in names)


def _layers(value: Any) -> Layers:
    if isinstance(value, list) and all(isinstance(name, str) for name in value):
        value = dict.fromkeys(value, 1.0)
    if not isinstance(value, Mapping):
        raise ValueError("must map layer names to weights, e.g. {relu4_2: 1.0}")
    return tuple((str(name), _layer_weight(name, weight)) for name, weight in value.items())


def _layer_weight(name: Any, weight: Any) -> float:
    try:
        return _number(weight)
    except ValueError as error:
        raise ValueError(f"gives {name} a weight that {error}") from error
