"""The speed of a recipe on this machine: as benchmarks measured it, or estimated from its operations.

Needs what the engine needs, and PyYAML: benchmarks run on bare machines too.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from nst_core.engine.recipe import Recipe
from nst_core.engine.session import session_for
from nst_core.errors import NstError
from nst_core.recipes import recipe_dict
from nst_core.storage.atomic import write_text_atomic
from nst_core.storage.machine import cache_folder, cores
from nst_core.storage.regular_files import read_regular

ASSUMED_FLOPS = {"cpu": 25e9, "cuda": 150e12}
"""Operations per second that are assumed where nothing was measured: of one CPU core, of one GPU."""

_NOT_PART_OF_THE_WORK = (
    "name", "source", "weights", "size", "scales", "evaluations", "average", "alpha", "beta", "tv_weight", "start"
)  # fmt: skip


@dataclass(frozen=True)
class Speed:
    """The speed of a recipe.

    Attributes:
        pixels_per_second: evaluations of single images per second, times the pixels of one; all workers together.
        basis: how that was found out, in words.
    """

    pixels_per_second: float
    basis: str


def record_speed(recipe: Recipe, device: str, machine: str, evaluations_per_second: float, when: str) -> None:
    """Keep what a benchmark measured for later estimates. Only a cache: where it cannot be written, nothing happens."""
    measured = {
        "pixels_per_second": evaluations_per_second * recipe.size**2,
        "size": recipe.size,
        "recipe": recipe.name,
        "machine": machine,
        "when": when,
    }
    _keep({_key(recipe, device, machine): measured})


def estimate_speed(recipe: Recipe, device: torch.device, machine: str, here: torch.device | None = None) -> Speed:
    """The speed measured here for this recipe, at whatever size; else estimated from its number of operations."""
    found = _measurements().get(_key(recipe, str(device), machine))
    if found:
        own = f", reckoned to {recipe.size}" if recipe.size != found["size"] else ""
        when = f"nst bench on {found['when']} ({found['recipe']} at size {found['size']}{own})"
        return Speed(float(found["pixels_per_second"]), when)
    operations = _operations_per_pixel(recipe, here or device)
    units = cores() if device.type == "cpu" else 1
    assumed = ASSUMED_FLOPS[device.type] * units
    unit = f"{units} CPU cores" if device.type == "cpu" else "one GPU"
    return Speed(
        assumed / max(operations, 1.0),
        f"an assumed {assumed / 1e12:.3g} TFLOP/s of {unit}: `nst bench --recipe {recipe.name}` measures it",
    )


def _operations_per_pixel(recipe: Recipe, device: torch.device) -> float:
    """Operations of one evaluation per pixel, from the cache if possible: counting loads half of torch's compiler."""
    key = "operations-" + _key(recipe, "", "")
    kept = _measurements().get(key)
    if kept is None:
        from nst_core.engine.bench.flops import evaluation_flops

        extractor = session_for(recipe, device).extractor
        counted = evaluation_flops(recipe, extractor, recipe.size, recipe.size).total / recipe.size**2
        kept = {"per_pixel": counted}
        _keep({key: kept})
    return float(kept["per_pixel"])


def _keep(found: dict[str, dict[str, Any]]) -> None:
    with contextlib.suppress(OSError, NstError):
        write_text_atomic(_file(), json.dumps(_measurements() | found, indent=2, sort_keys=True) + "\n")


def _key(recipe: Recipe, device: str, machine: str) -> str:
    """The cache's key: a hash of the machine and of the recipe without its sizes and weights."""
    data = {name: value for name, value in recipe_dict(recipe).items() if name not in _NOT_PART_OF_THE_WORK}
    text = json.dumps([data, device, machine, cores()], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _file() -> Path:
    return cache_folder() / "bench.json"


def _measurements() -> dict[str, dict[str, Any]]:
    try:
        found = json.loads(read_regular(_file()))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
