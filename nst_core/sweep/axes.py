"""The axes of a sweep: keys of the run file, each with the values that it takes, as `--over` names them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from nst_core.config.fingerprint import canonical_json
from nst_core.errors import ConfigError, UsageError, short
from nst_core.storage.yaml_files import parse_yaml
from nst_core.sweep.setting_text import Settings, value_text

MOST_VARIANTS = 200
"""Combinations of values that a sweep makes without being told to."""

_SWEPT_OUTPUT = ("output.size", "output.format", "output.quality")


@dataclass(frozen=True)
class Axis:
    """A key of the run file and the values that it takes, in their order."""

    key: str
    values: tuple[Any, ...]


def parse_axes(texts: Sequence[str]) -> tuple[Axis, ...]:
    """The axes of `--over KEY=A,B,…`, in their order.

    Raises:
        UsageError: a key that is no key of pictures, or given twice; fewer than two values, or one of them twice.
    """
    axes = tuple(map(_axis, texts))
    for place, axis in enumerate(axes):
        for other in axes[:place]:
            if axis.key == other.key:
                raise UsageError(f"--over {axis.key} is given twice: name all its values in one, with commas.")
            if f"{axis.key}.".startswith(f"{other.key}.") or f"{other.key}.".startswith(f"{axis.key}."):
                raise UsageError(f"--over {other.key} and --over {axis.key} set the same key: keep one of them.")
    return axes


def decides_pictures(key: str) -> bool:
    """Whether a key of the run file decides how the picture of a pair looks; only such can be swept over."""
    return key == "method" or key.startswith("method.") or key in _SWEPT_OUTPUT


def check_count(axes: Sequence[Axis], all_of_them: bool = False) -> None:
    """Raise UsageError where there are more than `MOST_VARIANTS` combinations, unless all of them are wanted."""
    count = math.prod(len(axis.values) for axis in axes)
    if count > MOST_VARIANTS and not all_of_them:
        sizes = " × ".join(str(len(axis.values)) for axis in axes)
        raise UsageError(
            f"{sizes} = {count:,} combinations are more than {MOST_VARIANTS}: name fewer values, or give --yes."
        )


def combinations(axes: Sequence[Axis]) -> list[tuple[tuple[int, ...], Settings]]:
    """Every combination of values, the last axis the fastest: its place on each axis, and its settings."""
    places = product(*(range(len(axis.values)) for axis in axes))
    return [(place, tuple((a.key, a.values[at]) for a, at in zip(axes, place, strict=True))) for place in places]


def _axis(text: str) -> Axis:
    dotted, equals, written = text.partition("=")
    key = dotted.strip()
    if not equals or not all(part.strip() for part in key.split(".")):
        raise UsageError(f"--over {short(text)} is not of the form KEY=A,B, e.g. --over method.beta=1,10,100.")
    values = _values(key, written)
    texts: dict[str, Any] = {}
    for value in values:
        try:
            same = canonical_json(value)
        except ValueError:  # infinite, which no key takes
            raise UsageError(f"--over {key}: {value_text(value)} is no value of it.") from None
        if same in texts:
            raise UsageError(f"--over {key}: {value_text(value)} is given twice.")
        texts[same] = value
    if len(values) < 2:
        raise UsageError(
            f"--over {key} has one value: a sweep compares two or more, separated by commas. For one use --set."
        )
    return Axis(key, tuple(values))


def _values(key: str, written: str) -> list[Any]:
    """The values as YAML reads them between brackets; the brackets may be there already."""
    if not written.strip():
        raise UsageError(f"--over {key} has no values: name two or more, e.g. --over method.beta=1,10,100.")
    try:
        found = parse_yaml(f"[{written}]", "this")
    except ConfigError as error:
        raise UsageError(
            f"--over {key}={short(written)}: {str(error).removesuffix('.')}. Values stand between commas, as in a list "
            "of YAML: 1,10 or '{a: 1},{b: 2}' or '[a, b],[c]'; text with commas or brackets in quotes."
        ) from error
    if not isinstance(found, list):  # a bracket in the text closed ours
        raise UsageError(f"--over {key}={short(written)}: the values are no list.")
    return found[0] if len(found) == 1 and isinstance(found[0], list) else found
