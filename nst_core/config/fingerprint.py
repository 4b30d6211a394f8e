"""The fingerprints of a run: versioned sha256 over canonical JSON of everything that decides its images.

Paths and parallelism stay out.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nst_core.config.output import Output
from nst_core.config.pairing import Pairing
from nst_core.engine.recipe import FEATURES_VERSION, Recipe
from nst_core.engine.transfer.recipe import MethodRecipe
from nst_core.recipes.plain_data import recipe_dict

FINGERPRINT_VERSION = 1

_LATER_KEYS: dict[str, Any] = {
    "bucket": 1,
    "normalised": False,
    "strength": None,
    "tv_loss": "mean",
    "side": "longer",
    "colour": "style",
    "keep_colour_by": "luminance",
    "keep": [],
    "edge": 2.0,
    "regions": [],
    "optimiser.rate": "absolute",
    "optimiser.spectral_power": 0.5,
    "optimiser.laplacian_levels": 5,
    "optimiser.carry": False,
    "style.weight": 1.0,
    "style.beside": [],
    "scales": None,
    "stages": [],
    "average": 0.0,
    "least_scale": 1,
    "finish": "as_is",
    "content.doubles": False,
    "content.laplacian": 0.0,
    "content.laplacian_pool": 2,
    "content.gains": False,
    "content.gain_window": 1,
    "style.last_loss": "same",
    "style.content_share": 0.75,
    "style.split_share": 0.0,
    "style.rotations": False,
}
"""Keys that recipes gained after the first version, with the values that equal the engine before them.

A key with that value is left out of the hash, so that older runs keep theirs.
"""


@dataclass(frozen=True)
class Fingerprints:
    """The two hashes of a run, and the data of the first, by which changed keys are named.

    Attributes:
        method: sha256 over everything that decides the pixels of one pair given its inputs.
        run: sha256 over that, the pairing and the seeds.
        method_data: the data that `method` hashes.
    """

    method: str
    run: str
    method_data: Mapping[str, Any]


def fingerprints(
    recipe: MethodRecipe,
    weights_sha256: str | None,
    output: Output,
    pairing: Pairing,
    start_sha256: str | None = None,
    stages_sha256: Sequence[str | None] = (),
) -> Fingerprints:
    """Compute the hashes of a run. `recipe.precision` must be resolved.

    Args:
        start_sha256: of the transfer network whose pictures an optimisation begins with, if it does.
        stages_sha256: of the weights of each stage that is not on the recipe's own network, None for the others.
    """
    method = recipe_dict(recipe)
    for left_out in ("weights", "network", "start_network", "source", "name"):  # hashes of their files are in the data
        method.pop(left_out, None)
    _leave_out_neutral(method)
    if start_sha256 is not None:
        method["start_sha256"] = start_sha256
    if isinstance(recipe, Recipe) and recipe.features in FEATURES_VERSION:
        method["features_version"] = FEATURES_VERSION[recipe.features]
    for stage, sha256 in zip(method.get("stages", ()), stages_sha256, strict=False):
        if stage.pop("weights", None) is not None:
            stage["weights_sha256"] = sha256
    quality = output.quality if output.format == "jpeg" else None
    method_data = {
        "version": FINGERPRINT_VERSION,
        "method": method,
        "weights_sha256": weights_sha256,
        "output": {"size": output.size, "format": output.format, "quality": quality},
    }
    method_hash = canonical_hash(method_data)
    pairing_data = pairing.fingerprint_data()
    run_hash = canonical_hash({"version": FINGERPRINT_VERSION, "method": method_hash, "pairing": pairing_data})
    return Fingerprints(method_hash, run_hash, method_data)


def _leave_out_neutral(method: dict[str, Any]) -> None:
    for dotted, neutral in _LATER_KEYS.items():
        *sections, key = dotted.split(".")
        section = method.get(sections[0], {}) if sections else method
        if section.get(key) == neutral:
            section.pop(key, None)


def canonical_hash(data: Any) -> str:
    """The sha256, hexadecimal, of `data` as canonical JSON."""
    return hashlib.sha256(canonical_json(data).encode()).hexdigest()


def canonical_json(data: Any) -> str:
    """`data` as JSON with sorted keys, no spaces, non-ASCII escaped."""
    return json.dumps(data, sort_keys=True, separators=(",", ":"), allow_nan=False)


def changed_keys(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """`method.size (256 → 512)` for every leaf that differs between two fingerprints' data."""
    old, new = dict(leaves_of(before)), dict(leaves_of(after))
    keys = sorted(old.keys() | new.keys())
    return [f"{key} ({_show(old, key)} → {_show(new, key)})" for key in keys if old.get(key) != new.get(key)]


def leaves_of(data: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The values of nested mappings by their dotted keys, such as `method.size`."""
    for key, value in data.items():
        if isinstance(value, Mapping):
            yield from leaves_of(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _show(leaves: Mapping[str, Any], key: str) -> str:
    return str(leaves[key]) if leaves.get(key) is not None else "none"
