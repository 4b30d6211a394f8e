"""Sections of a recipe as frozen dataclasses: every key and type checked, every fault named with its key."""

from __future__ import annotations

import dataclasses
import functools
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

from nst_core.engine.stages import StageSettings
from nst_core.engine.terms import StyleTerm
from nst_core.errors import short, suggestion
from nst_core.recipes.values import MAX_SCALES, scalar

Kind = TypeVar("Kind")


def section(kind: type[Kind], data: Any, where: str, faults: list[str]) -> Kind | None:
    """An instance of the dataclass `kind` from plain data, every key and type checked; `where` names it in messages.

    Faults are added to `faults`, and None is returned.
    """
    if not isinstance(data, Mapping):
        faults.append(f"{where} must be a section of keys and values, not {short(data)}")
        return None
    before, hints = len(faults), _type_hints(kind)  # type: ignore[arg-type]
    faults += [f"{where}.{k} is not a known key{suggestion(str(k), hints)}" for k in data if k not in hints]
    if missing := [name for name in _required(kind) if name not in data]:
        faults.append(f"{where} lacks {', '.join(missing)}")
    values = {k: _value(hints[k], value, f"{where}.{k}", faults) for k, value in data.items() if k in hints}
    return kind(**values) if len(faults) == before else None


@functools.cache
def _type_hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _required(kind: Any) -> list[str]:
    """The fields of a dataclass that have no default."""
    unset = dataclasses.MISSING
    return [each.name for each in dataclasses.fields(kind) if each.default is each.default_factory is unset]


_LISTS: dict[Any, tuple[type[Any], str]] = {
    tuple[StyleTerm, ...]: (StyleTerm, "terms, each with layers and a loss"),
    tuple[StageSettings, ...]: (
        StageSettings,
        f"at most {MAX_SCALES} stages, such as {{features: slim, evaluations: 50}}",
    ),
}
"""Keys that are lists of sections: what each is, and the list in words."""


def _value(hint: Any, value: Any, where: str, faults: list[str]) -> Any:
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        return section(hint, value, where, faults)
    if hint in _LISTS:
        kind, words = _LISTS[hint]
        if value is None and kind is StageSettings:
            return ()
        if not isinstance(value, list) or (kind is StageSettings and len(value) > MAX_SCALES):
            faults.append(f"{where} is {short(value)}; it must be a list of {words}")
            return None
        return tuple(section(kind, each, f"{where}[{number}]", faults) for number, each in enumerate(value))
    try:
        return scalar(hint, value)
    except ValueError as error:
        faults.append(f"{where} {error}")
        return None
