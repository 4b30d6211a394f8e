"""Recipes by name: `configs/methods/*.yaml`, with overrides, as the engine's frozen dataclasses.

Needs PyYAML only, so that the engine and its recipes run on a bare GPU machine.
"""

from __future__ import annotations

import copy
import dataclasses
import functools
import itertools
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from nst_core.engine.recipe import AS_SHIPPED, KERNEL_OPTIONS, STYLE_OPTIONS, Layers, Recipe, StyleTerm, scaled_side
from nst_core.engine.stages import Stage, StageSettings, inputs_of
from nst_core.engine.transfer.recipe import MethodRecipe, TransferRecipe, is_network
from nst_core.errors import ConfigError, short, suggestion
from nst_core.storage.expansion import expanded
from nst_core.storage.yaml_files import parse_yaml, read_yaml

_LARGEST_INT = 2**31 - 1  # what the columns of the results hold
MAX_SCALES = 16
"""Scales, or stages, of a schedule."""

MAX_OTHER_SIZES = 4
"""The largest factor by which the style of `mrf` is enlarged and reduced."""

KINDS = OPTIMISATION, TRANSFER = "optimisation", "transfer"
"""Kinds of method."""

_PACKAGE = Path(__file__).resolve().parent


def configs_folder() -> Path:
    """The folder of shipped run files, beside the code in a checkout and inside the package once installed.

    Recipes are in its `methods/`.
    """
    installed = _PACKAGE / "_configs"
    return installed if installed.is_dir() else _PACKAGE.parent / "configs"


def recipe_names(kind: str | None = None) -> list[str]:
    """The recipes that ship with the package; of one kind of method, or all."""
    names = sorted(path.stem for path in _methods_folder().glob("*.yaml"))
    return [name for name in names if kind is None or _recipe_layers(name)[0].get("kind", OPTIMISATION) == kind]


def is_recipe_file(name: str) -> bool:
    """Whether `method.recipe` is the path of a file rather than the name of a shipped recipe."""
    return name.endswith((".yaml", ".yml"))


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
    data, *laid_over = (*_recipe_layers(name), overrides or {})
    overrides = functools.reduce(_merge, laid_over)
    kind, wanted = data.get("kind", OPTIMISATION), overrides.get("kind")
    for each in (wanted, kind):
        if each not in (None, *KINDS):
            hint = suggestion(str(each)[:100], KINDS)
            raise ConfigError(f"method.kind is {short(each)}{hint}; it can be {', '.join(KINDS)}.")
    if wanted not in (None, kind):
        raise ConfigError(
            f"method.kind is {short(wanted)}, and the recipe {short(name)} is of kind {short(kind)}: leave one of the "
            "two out."
        )
    if kind == TRANSFER:
        return _transfer_recipe({**data, **overrides})
    data, overrides = ({key: of[key] for key in of if key != "kind"} for of in (data, overrides))
    merged = _with_variant(data, overrides)
    faults = list(_schedules_at_odds(functools.reduce(_merge, laid_over[:-1], data), laid_over[-1]))
    if overrides.get("stages") and "scales" not in overrides:
        merged["scales"] = None  # stages take the place of a recipe's scales
    _derive_size(merged, data, *laid_over)
    if merged.get("features") == "slim":
        merged.setdefault("weights", "shipped")
    merged.setdefault("inputs", inputs_of(merged.get("weights", "")))
    if isinstance(merged.get("weights"), str):
        merged["weights"] = expanded(merged["weights"])
    merged["stages"] = _with_expanded_weights(merged.get("stages"))
    _expand_start(merged)
    recipe = _build(Recipe, merged, "method", faults)
    if recipe:
        faults += _contradictions(recipe)
    if faults:
        raise ConfigError("; ".join(faults) + ".")
    return _with_stages(_with_scales_to_size(_with_options(_with_strength(typing.cast(Recipe, recipe)))))


def _recipe_layers(name: str) -> tuple[dict[str, Any], ...]:
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
    return (*(_recipe_layers(base) if base else ()), {"name": path.stem, **data})


@functools.cache
def _shipped_data(path: Path) -> Any:
    """What the file of a shipped recipe holds. It is read often, and YAML is slow to read."""
    return read_yaml(path, "recipe")


def _transfer_recipe(data: dict[str, Any]) -> TransferRecipe:
    """A transfer network as plain data. Raises ConfigError."""
    data.setdefault("network", [])
    faults: list[str] = []
    recipe: TransferRecipe | None = _build(TransferRecipe, data, "method", faults)
    if recipe:
        if not recipe.network:
            faults.append("method.network is missing: name a transfer network, such as quick, or its file")
        if recipe.strength is not None and recipe.strength > 1:
            faults.append(f"method.strength is {recipe.strength:g}; it must be a number from 0 to 1")
        if recipe.crop and (recipe.keep or recipe.regions):
            faults.append("method.crop cuts contents off, and masks would not fit them any more: leave one of them out")
    if faults or recipe is None:
        raise ConfigError("; ".join(faults) + ".")
    strength = recipe.strength if recipe.strength is not None and recipe.strength < AS_SHIPPED else None
    return replace(recipe, network=tuple(map(expanded, recipe.network)), strength=strength)


def _with_expanded_weights(stages: Any) -> Any:
    """The stages of a recipe with the paths of their weights expanded; anything else as it is, to be refused."""
    if not isinstance(stages, list):
        return stages
    return [
        {**stage, "weights": expanded(stage["weights"])}
        if isinstance(stage, Mapping) and isinstance(stage.get("weights"), str)
        else stage
        for stage in stages
    ]


def _expand_start(merged: dict[str, Any]) -> None:
    """Write `start: quick`, or a network's file, as `start: transfer` with that network."""
    start = merged.get("start")
    if isinstance(start, list) or (isinstance(start, str) and is_network(start)):
        merged |= {"start": TRANSFER, "start_network": start}
    names = merged.get("start_network")
    if isinstance(names, str | list) and all(isinstance(name, str) for name in names):
        merged["start_network"] = [expanded(name) for name in ([names] if isinstance(names, str) else names)]


def _contradictions(recipe: Recipe) -> Iterator[str]:
    """What is wrong with a recipe whose values, each by itself, are right."""
    if not recipe.layer_names():
        yield "method has no layers: name some in method.content.layers or method.style.layers"
    if recipe.strength is not None and recipe.strength > 1:
        yield f"method.strength is {recipe.strength:g}; it must be a number from 0 to 1"
    if (recipe.start == TRANSFER) != bool(recipe.start_network):
        missing = "method.start_network is missing: name a transfer network, such as quick, or its file"
        needless = f"method.start_network belongs to start: {TRANSFER}, and here it is {recipe.start}"
        yield missing if recipe.start == TRANSFER else needless
    if recipe.average >= 1:
        yield f"method.average is {recipe.average:g}; it must be below 1"
    if any(term.beside for term in recipe.style.beside):
        yield "method.style.beside has a term with terms beside it: put them all into method.style.beside"
    for number, term in enumerate((recipe.style, *recipe.style.beside)):
        yield from _option_faults(term, f"method.style.beside[{number - 1}]" if number else "method.style", recipe)
    if recipe.stages:
        yield from _stage_faults(recipe)
        return
    scales = recipe.scales or (recipe.size,)
    if any(after < before for before, after in itertools.pairwise(scales)):
        yield f"method.scales is {list(scales)}; a scale may not be smaller than the one before"
    if isinstance(recipe.evaluations, tuple) and len(recipe.evaluations) != len(scales):
        numbers, sides = _counted(recipe.evaluations, "number"), _counted(scales, "scale")
        yield f"method.evaluations has {numbers} for {sides}; give one for all, or one for each"


def _schedules_at_odds(data: Mapping[str, Any], overrides: Mapping[str, Any]) -> Iterator[str]:
    """What is said of a schedule beside stages that have all of it."""
    if not data.get("stages") or "stages" in overrides:
        return
    for key in ("scales", "evaluations"):
        if overrides.get(key) is not None:
            yield f"method.{key} is given, and the recipe has stages, which say it: set method.stages, or that to null"


def _stage_faults(recipe: Recipe) -> Iterator[str]:
    """What is wrong with the stages of a recipe."""
    if recipe.scales:
        yield "method.scales and method.stages are given: the stages have sizes of their own, leave scales out"
    sizes = [stage.size for stage in recipe.stages if stage.size is not None]
    if sizes and len(sizes) < len(recipe.stages):
        yield "method.stages has stages with a size and stages without: give all one, or none"
    if any(after < before for before, after in itertools.pairwise(sizes)):
        yield f"method.stages has the sizes {sizes}; one may not be smaller than the one before"
    if isinstance(recipe.evaluations, tuple) and any(stage.evaluations is None for stage in recipe.stages):
        yield "method.stages has a stage without evaluations, and method.evaluations is a list: give each stage its own"
    last = recipe.schedule()[-1].network
    if last is not None:
        yield (
            f"method.stages ends with features {last.features} and weights {short(last.weights)}, and the recipe's own "
            f"are {recipe.features} and {short(recipe.weights)}: the last stage must have the recipe's own, in whose "
            "losses results are told"
        )


def _option_faults(term: StyleTerm, where: str, recipe: Recipe) -> Iterator[str]:
    """What is wrong with the options of a style term."""
    for name in term.foreign_options():
        losses = [loss for loss, options in STYLE_OPTIONS.items() if name in options]
        if term.loss in losses:
            yield f"{where}.{name} belongs to kernel: {KERNEL_OPTIONS[name]}, and here it is {term.option('kernel')}"
        else:
            yield f"{where}.{name} belongs to the loss {' or '.join(losses)}, and here it is {term.loss}"
    options = term.options()
    if options.get("bandwidth") == 0:
        yield f"{where}.bandwidth is 0; it must be above 0"
    if options.get("other_sizes") is not None and not 1 < options["other_sizes"] <= MAX_OTHER_SIZES:
        yield f"{where}.other_sizes is {options['other_sizes']:g}; it must be above 1, and {MAX_OTHER_SIZES} at most"
    if options.get("draws") == "anew" and recipe.optimiser.name == "lbfgs":
        yield (
            f"{where}.draws is anew, another objective at each evaluation, which lbfgs cannot follow: set it to fixed, "
            "or method.optimiser.name to adam"
        )


def _with_options(recipe: Recipe) -> Recipe:
    """The recipe with the options of its style losses written out: fingerprints then name what decides a result."""
    first, *others = (replace(term, **term.options()) for term in (recipe.style, *recipe.style.beside))
    return replace(recipe, style=replace(first, beside=tuple(others)))


def _with_strength(recipe: Recipe) -> Recipe:
    """The recipe without a strength where that is its own: the same method by another word."""
    return replace(recipe, strength=None) if recipe.strength == AS_SHIPPED else recipe


def _counted(values: Sequence[int], what: str) -> str:
    return f"{len(values)} {what}{'s' * (len(values) != 1)}"


def _with_scales_to_size(recipe: Recipe) -> Recipe:
    """The recipe with its scales multiplied so that the last is its size, and none below the least."""
    last = recipe.stages[-1].size if recipe.stages else (recipe.scales or (None,))[-1]
    if last is None or last == recipe.size:
        return recipe
    least = min(recipe.least_scale, recipe.size)
    sides = tuple(max(least, scaled_side(recipe.size, stage.factor)) for stage in recipe.schedule())
    if not recipe.stages:
        return replace(recipe, scales=sides)
    return replace(
        recipe, stages=tuple(replace(stage, size=side) for stage, side in zip(recipe.stages, sides, strict=True))
    )


def _with_stages(recipe: Recipe) -> Recipe:
    """The recipe with all that its stages leave out written out, and nothing that says what holds without it.

    So methods that are the same have one fingerprint. `evaluations` is their sum; stages on the recipe's own network
    alone are written as scales.
    """
    if not recipe.stages:
        return recipe
    if recipe.networks() == (None,):
        counts = tuple(stage.evaluations for stage in recipe.schedule())
        if len(counts) == 1:
            return replace(recipe, stages=(), evaluations=counts[0])
        return replace(
            recipe, stages=(), evaluations=counts, scales=tuple(s.size or recipe.size for s in recipe.stages)
        )
    sides = [stage.size for stage in recipe.stages]
    sides = [None] * len(sides) if set(sides) <= {recipe.size} else sides
    written = (_written_out(*each) for each in zip(recipe.schedule(), sides, strict=True))
    return replace(recipe, stages=tuple(written), evaluations=recipe.total_evaluations)


def _written_out(stage: Stage, size: int | None) -> StageSettings:
    return StageSettings(stage.evaluations, size, **(vars(stage.network) if stage.network else {}))


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


def _methods_folder() -> Path:
    return configs_folder() / "methods"


def _with_variant(data: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """The file's keys, overridden by its `variants` of the chosen features, then by the overrides."""
    base = {key: value for key, value in data.items() if key != "variants"}
    variants = data.get("variants") or {}
    features = overrides.get("features", base.get("features"))
    if isinstance(variants, Mapping) and isinstance(features, str):
        base = _merge(base, variants.get(features) or {})
    return _merge(base, overrides)


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


def _merge(base: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in overrides.items():
        inner = merged.get(key)
        both = isinstance(inner, Mapping) and isinstance(value, Mapping) and key != "layers"
        merged[key] = _merge(inner, value) if both else value  # type: ignore[arg-type]
    return merged


def _build(kind: Any, data: Any, where: str, faults: list[str]) -> Any:
    """An instance of the dataclass `kind` from plain data, every key and type checked; `where` names it in messages.

    Faults are added to `faults`, and None is returned.
    """
    if not isinstance(data, Mapping):
        faults.append(f"{where} must be a section of keys and values, not {short(data)}")
        return None
    before, hints = len(faults), _type_hints(kind)
    faults += [f"{where}.{k} is not a known key{suggestion(str(k), hints)}" for k in data if k not in hints]
    missing = [f.name for f in dataclasses.fields(kind) if _required(f) and f.name not in data]
    if missing:
        faults.append(f"{where} lacks {', '.join(missing)}")
    values = {k: _value(hints[k], value, f"{where}.{k}", faults) for k, value in data.items() if k in hints}
    return kind(**values) if len(faults) == before else None


@functools.cache
def _type_hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _required(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


_LISTS: dict[Any, tuple[type[Any], str]] = {
    tuple[StyleTerm, ...]: (StyleTerm, "terms, each with layers and a loss"),
    tuple[StageSettings, ...]: (
        StageSettings,
        f"at most {MAX_SCALES} stages, such as {{features: slim, evaluations: 50}}",
    ),
}
"""Keys that are lists of sections: what each is, and the list in words."""


def _value(hint: Any, value: Any, where: str, faults: list[str]) -> Any:
    if dataclasses.is_dataclass(hint):
        return _build(hint, value, where, faults)
    if hint in _LISTS:
        kind, words = _LISTS[hint]
        if value is None and kind is StageSettings:
            return ()
        if not isinstance(value, list) or (kind is StageSettings and len(value) > MAX_SCALES):
            faults.append(f"{where} is {short(value)}; it must be a list of {words}")
            return None
        return tuple(_build(kind, each, f"{where}[{number}]", faults) for number, each in enumerate(value))
    try:
        return _scalar(hint, value)
    except ValueError as error:
        faults.append(f"{where} {error}")
        return None


def _scalar(hint: Any, value: Any) -> Any:
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
        choices = typing.get_args(hint)
        if value not in choices:
            hints = suggestion(str(value)[:100], [str(c) for c in choices])
            raise ValueError(f"is {short(value)}{hints}; it can be {', '.join(map(str, choices))}")
        return choices[choices.index(value)]
    if type(None) in typing.get_args(hint) and tuple[int, ...] not in typing.get_args(hint):
        return None if value is None else _scalar(_without_none(hint), value)
    if hint is int:
        return _whole_number(value)
    if typing.get_origin(hint) in (types.UnionType, typing.Union) and tuple[int, ...] in typing.get_args(hint):
        return _whole_numbers(typing.get_args(hint), value)
    if not isinstance(value, hint if isinstance(hint, type | types.UnionType) else object):
        kind = "text: put it in quotes" if hint is str else f"of type {getattr(hint, '__name__', hint)}"
        raise ValueError(f"is {short(value)}; it must be {kind}")
    return value


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
