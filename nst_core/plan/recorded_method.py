"""The method that a run folder records, told from the run file alone: without torch, whose import takes seconds."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from nst_core.config.fingerprint import Fingerprints, fingerprints
from nst_core.config.run_config import RunConfig
from nst_core.engine.recipe import Recipe
from nst_core.errors import RunFolderError
from nst_core.run_folder.folder import METHODS, RunFolder
from nst_core.storage import machine
from nst_core.storage.regular_files import open_regular

_PINNED = ("caffe", "imagenet", "random", "shipped")  # weights that are the same ones on every machine


def recorded_fingerprints(config: RunConfig) -> Fingerprints | None:
    """The fingerprints of a run, if its folder records the very method that the run file asks for; None if in doubt."""
    try:
        data = RunFolder(config.run_folder).read_run_yaml()
    except RunFolderError:
        return None
    stored = data.get("method_fingerprint_data")
    recipe = _on_this_machine(config)
    if recipe is None or not isinstance(stored, dict) or METHODS in data or not _has_same_weights(recipe, stored):
        return None
    found = fingerprints(recipe, stored.get("weights_sha256"), config.output, config.pairing)
    same = found.method_data == stored and found.method == data.get("method_fingerprint")
    return found if same else None


def _on_this_machine(config: RunConfig) -> Recipe | None:
    """The recipe with its precision resolved for the CPU; None where another device may do the work."""
    execution, recipe = config.execution, config.method.resolve()
    if recipe.precision != "auto":
        return recipe
    if execution.devices not in ("auto", "cpu") or execution.runner not in ("auto", "thread", "process"):
        return None
    if execution.devices == "auto" and machine.NVIDIA_DRIVER.exists():
        return None
    return replace(recipe, precision="float32")


def _has_same_weights(recipe: Recipe, stored: Mapping[str, Any]) -> bool:
    """Whether the recorded hash can be taken for that of the recipe's weights."""
    if recipe.features == "wavelet" or recipe.weights in _PINNED:
        return True
    try:
        with open_regular(Path(recipe.weights).expanduser()) as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == stored.get("weights_sha256")
    except OSError:
        return False
