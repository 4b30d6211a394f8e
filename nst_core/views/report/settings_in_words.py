"""Settings of a run in words, from its run.yaml, and what differs between two."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nst_core.config.fingerprint import leaves_of
from nst_core.run_folder.card import HOMES, stages_in_words
from nst_core.views.web import number

Words = tuple[tuple[str, str], ...]

_PAIRINGS = {
    "artist": "every content once in the style of each artist",
    "grid": "every content with every style",
}
_STARTS = {
    "content": "the content",
    "colour_matched": "the content in the style's colours",
    "style": "the style",
    "coarse_content": "the content without its details",
    "noise": "noise",
    "transfer": "a transfer network's picture",
}


@dataclass(frozen=True)
class Difference:
    """A key with different values in two runs; None where one has none."""

    key: str
    here: str | None
    there: str | None


def settings_in_words(run_yaml: Mapping[str, Any]) -> Words:
    """Settings as (name, words), without those that the run file does not hold."""
    config = _section(run_yaml, "config")
    words = {
        "Content": _source(_section(config, "content")),
        "Style": _source(_section(config, "style")),
        "Pairing": _pairing(_section(config, "pairing")),
        "Method": _method(run_yaml),
        "Objective": _objective(_section(_section(run_yaml, "method_fingerprint_data"), "method")),
        "Images": _output(_section(config, "output")),
        "Execution": _execution(_section(config, "execution"), run_yaml),
        "Made with": _versions(run_yaml),
    }
    return tuple((what, how) for what, how in words.items() if how)


def differences(here: Mapping[str, Any], there: Mapping[str, Any]) -> tuple[Difference, ...]:
    """Every key of the run file and of the resolved method, the device and the versions, that has another value."""
    ours, theirs = _settings(here), _settings(there)
    keys = sorted((key for key in ours.keys() | theirs.keys() if ours.get(key) != theirs.get(key)), key=_importance)
    values = ([None if of.get(key) is None else str(of[key]) for key in keys] for of in (ours, theirs))
    return tuple(map(Difference, keys, *values))


def _importance(key: str) -> tuple[int, str]:
    order = ("content", "style", "pairing", "method", "weights_sha256", "output", "execution", "device", "versions")
    section = key.partition(".")[0]
    return (order.index(section) if section in order else len(order), key)


def _settings(run_yaml: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a run file by key, without those that only say where the run is."""
    resolved = {"method": _section(_section(run_yaml, "method_fingerprint_data"), "method")}
    more = {name: run_yaml[name] for name in ("weights_sha256", "device", "versions") if name in run_yaml}
    leaves = dict(leaves_of(_section(run_yaml, "config"))) | dict(leaves_of(resolved | more))
    return {key: value for key, value in leaves.items() if key not in ("name", "output.root")}


def _section(data: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = data.get(name)
    return found if isinstance(found, Mapping) else {}


def _source(section: Mapping[str, Any]) -> str:
    if not section:
        return ""
    source, path = section.get("source"), section.get("path")
    named = {"sample": "built-in samples", "folder": f"the folder {path}"}.get(str(source))
    if named is None:
        home = HOMES.get(str(source), str(source)).partition("]")[0].lstrip("[")
        named = f"{home}, {path}" if path else home
    chosen = {
        "split": section.get("split"),
        "categories": section.get("categories"),
        "genres": section.get("genres"),
        "artists": section.get("artists"),
        "at most": section.get("limit"),
        "copies": section.get("duplicates") if section.get("duplicates") != "keep" else None,
        "without licences": section.get("exclude_licenses"),
    }
    return "; ".join([named, *(f"{what} {_listed(value)}" for what, value in chosen.items() if value)])


def _pairing(section: Mapping[str, Any]) -> str:
    strategy = section.get("strategy")
    if not strategy:
        return ""
    words = _PAIRINGS.get(str(strategy), str(strategy))
    if strategy == "manifest":
        words = f"as the manifest {section.get('manifest')} says"
    elif strategy == "random":
        words = f"styles per content, drawn at random: {section.get('styles_per_content')}"
    elif strategy in ("nearest", "farthest"):
        words = f"styles per content, those of the {strategy} palettes: {section.get('styles_per_content')}"
    plain = {"balance": "none", "artists": None, "weights": None, "blend": 1, "replicates": 1, "unstylized": 0,
             "strengths": None, "splits": None, "seed": None}  # fmt: skip
    more = [f"{key} {_listed(section[key])}" for key, usual in plain.items() if section.get(key, usual) != usual]
    return "; ".join([words, *more])


def _method(run_yaml: Mapping[str, Any]) -> str:
    recipe = _section(_section(run_yaml, "config"), "method").get("recipe")
    method = _section(_section(run_yaml, "method_fingerprint_data"), "method")
    stages = f" ({found})" if (found := stages_in_words(method)) else ""
    optimiser, sides = _section(method, "optimiser").get("name"), method.get("scales") or method.get("size")
    parts = [
        f"recipe {recipe}" if recipe else "",
        "a transfer network" if method.get("kind") == "transfer" else "",
        f"features {method['features']}" if method.get("features") not in (None, recipe) else "",
        f"{method.get('side', 'longer')} side {_listed(sides)} px" if sides else "",
        f"{_listed(method['evaluations'])} evaluations{stages}" if "evaluations" in method else "",
        f"{optimiser.replace('_', ' ')}" if isinstance(optimiser, str) else "",
        f"from {_STARTS.get(str(method['start']), method['start'])}" if "start" in method else "",
    ]
    return ", ".join(part for part in parts if part)


def _objective(method: Mapping[str, Any]) -> str:
    weights = {"α": method.get("alpha"), "β": method.get("beta"), "total variation": method.get("tv_weight")}
    parts = [f"{name} {number(value)}" for name, value in weights.items() if isinstance(value, int | float) and value]
    for term in ("content", "style"):
        layers = _section(method, term).get("layers")
        names = [str(one[0]) if isinstance(one, list | tuple) and one else str(one) for one in layers or ()]
        if names:
            parts.append(f"{term} at {', '.join(names)}")
    return "; ".join(parts)


def _output(section: Mapping[str, Any]) -> str:
    if not section:
        return ""
    quality = f", quality {section.get('quality')}" if section.get("format") == "jpeg" else ""
    size = "the content's own size" if section.get("size") == "original" else "the size that was optimised"
    return f"{str(section.get('format')).upper()}{quality}, {size}"


def _execution(section: Mapping[str, Any], run_yaml: Mapping[str, Any]) -> str:
    if not section:
        return ""
    keys = ("runner", "workers", "devices", "threads", "chunk_size", "batch_size", "retries")
    parts = [f"{key.replace('_', ' ')} {_listed(section[key])}" for key in keys if key in section]
    return ", ".join([*parts, f"on {run_yaml['device']}"] if run_yaml.get("device") else parts)


def _versions(run_yaml: Mapping[str, Any]) -> str:
    versions = _section(run_yaml, "versions")
    named = [f"{name} {versions[name]}" for name in ("nst", "python", "torch", "pillow") if name in versions]
    begun = str(run_yaml.get("created_at") or "").partition("T")[0]
    return ", ".join(named) + (f"; last planned on {begun}" if begun else "")


def _listed(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
