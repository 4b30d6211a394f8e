"""Keys laid over a recipe's: those of other files, of its variants, of a run file and of `--set`."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any

from nst_core.errors import ConfigError, short
from nst_core.storage.yaml_files import parse_yaml


def merged_keys(layers: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The keys of mappings laid one over the other: sections are merged key by key, `layers` replaced as a whole."""
    return functools.reduce(_merged, layers, {})


def laid_over(data: Mapping[str, Any], overrides: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The keys of an optimisation: of its file, of the variant of the chosen features, and of what is laid over it.

    Stages that are given take the place of the file's scales; the last scale or stage says the size where none is
    given beside it.
    """
    given = merged_keys(overrides)
    merged = _with_variant(data, given)
    if given.get("stages") and "scales" not in given:
        merged["scales"] = None
    _derive_size(merged, data, *overrides)
    return merged


def set_override(data: dict[str, Any], override: str) -> None:
    """Set the value of `key.sub=value` in nested mappings; the value is read as YAML. Raises ConfigError."""
    dotted, equals, text = override.partition("=")
    *sections, last = keys = dotted.strip().split(".")
    if not equals or not all(keys):
        raise ConfigError(f"--set {short(override)} is not of the form key.sub=value, e.g. --set method.size=512.")
    value = parse_yaml(text, f"--set {short(override)}: the value")
    for key in sections:
        inner = data.get(key)
        data[key] = dict(inner) if isinstance(inner, Mapping) else {}
        data = data[key]
    data[last] = value


def _with_variant(data: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """The file's keys, overridden by its `variants` of the chosen features, then by the overrides."""
    base = {key: value for key, value in data.items() if key != "variants"}
    variants = data.get("variants") or {}
    features = overrides.get("features", base.get("features"))
    if isinstance(variants, Mapping) and isinstance(features, str):
        base = _merged(base, variants.get(features) or {})
    return _merged(base, overrides)


def _derive_size(merged: dict[str, Any], *layers: Mapping[str, Any]) -> None:
    """Set the size to the last scale's, or stage's, where the last of the layers that speaks of either says no size."""
    speaking = [layer for layer in layers if "size" in layer or _last_side(layer) is not None]
    last = _last_side(speaking[-1]) if speaking and "size" not in speaking[-1] else None
    if last is not None:
        merged["size"] = last


def _last_side(layer: Mapping[str, Any]) -> int | None:
    """The side of the last stage or scale that some keys of a recipe give, if they do."""
    stages, scales = layer.get("stages"), layer.get("scales")
    if isinstance(stages, list) and stages and isinstance(stages[-1], Mapping):
        last = stages[-1].get("size")
    else:
        last = scales[-1] if isinstance(scales, list) and scales else None
    return last if isinstance(last, int) else None


def _merged(base: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in overrides.items():
        inner = merged.get(key)
        both = isinstance(inner, Mapping) and isinstance(value, Mapping) and key != "layers"
        merged[key] = _merged(inner, value) if both else value  # type: ignore[arg-type]
    return merged
