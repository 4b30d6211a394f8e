"""The method that a run folder records, told from the run file alone: without torch, whose import takes seconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeGuard

from nst_core.config.fingerprint import Fingerprints, fingerprints
from nst_core.config.run_config import RunConfig
from nst_core.engine.transfer.recipe import MethodRecipe, TransferRecipe
from nst_core.errors import RunFolderError, WeightsError
from nst_core.networks.files import PINNED_WEIGHTS, network_of, network_sha256
from nst_core.run_folder.folder import METHODS, RunFolder
from nst_core.storage import machine
from nst_core.storage.regular_files import file_sha256


def recorded_fingerprints(config: RunConfig) -> Fingerprints | None:
    """The fingerprints of a run, if its folder records the very method that the run file asks for; None if in doubt."""
    try:
        data = RunFolder(config.run_folder).read_run_yaml()
    except RunFolderError:
        return None
    stored = data.get("method_fingerprint_data")
    recipe = _on_this_machine(config)
    if recipe is None or not _is_method_data(stored) or METHODS in data or not _has_same_weights(recipe, stored):
        return None
    start = stored["method"].get("start_sha256")
    stages = [stage.get("weights_sha256") for stage in _stages(stored)]
    found = fingerprints(recipe, stored.get("weights_sha256"), config.output, config.pairing, start, stages)
    same = found.method_data == stored and found.method == data.get("method_fingerprint")
    return found if same else None


def _is_method_data(stored: object) -> TypeGuard[dict[str, Any]]:
    return isinstance(stored, dict) and isinstance(stored.get("method"), dict)


def _stages(stored: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The stages of recorded method data; none where there are none, or they are no such thing."""
    stages = stored["method"].get("stages")
    return stages if isinstance(stages, list) and all(isinstance(stage, dict) for stage in stages) else []


def _on_this_machine(config: RunConfig) -> MethodRecipe | None:
    """The recipe with its precision resolved for the CPU; None where another device may do the work."""
    execution, recipe = config.execution, config.method.resolve()
    if recipe.precision != "auto":
        return recipe
    if execution.devices not in ("auto", "cpu") or execution.runner not in ("auto", "thread", "process"):
        return None
    if execution.devices == "auto" and machine.NVIDIA_DRIVER.exists():
        return None
    return replace(recipe, precision="float32")


def _has_same_weights(recipe: MethodRecipe, stored: Mapping[str, Any]) -> bool:
    """Whether the recorded hashes can be taken for those of the recipe's weights and networks."""
    key, network = network_of(recipe)
    if network:
        recorded = stored.get("weights_sha256") if key == "network" else stored["method"].get("start_sha256")
        try:
            if network_sha256(network) != recorded:
                return False
        except (OSError, WeightsError):
            return False
    if isinstance(recipe, TransferRecipe):
        return True
    of_stages = zip(recipe.stages, _stages(stored), strict=False)
    recorded = [(stage.weights, found.get("weights_sha256")) for stage, found in of_stages]
    own = [] if recipe.features == "wavelet" else [(recipe.weights, stored.get("weights_sha256"))]
    return all(_is_file_of(weights, sha256) for weights, sha256 in (*own, *recorded) if weights not in _NO_FILE)


_NO_FILE = (None, *PINNED_WEIGHTS)


def _is_file_of(weights: str | None, sha256: object) -> bool:
    """Whether a file of weights has a hash."""
    try:
        return file_sha256(Path(weights or "").expanduser()) == sha256
    except OSError:
        return False
