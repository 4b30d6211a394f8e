"""The recipe of a run file that names none: chosen by the machine, and then kept by the run folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nst_core.errors import ConfigError
from nst_core.storage.machine import has_gpu
from nst_core.storage.yaml_files import read_yaml

AUTO = "auto"
ON_GPU, ON_CPU = "fast", "slim"
"""On a GPU the nearest to the style for judges that did not make the pictures (docs/quality.md); on a CPU, where that
takes half a minute or more per picture, the nearest of what takes seconds and needs no download."""


@dataclass(frozen=True)
class DefaultRecipe:
    """A recipe's name, and why it was chosen, as a part of a sentence."""

    name: str
    reason: str


def default_recipe(devices: object, run_folder: Path | None = None) -> DefaultRecipe:
    """The recipe of a run whose file names none.

    Args:
        devices: `execution.devices`: `auto`, `cpu`, or a list of GPUs.
        run_folder: whose recorded recipe comes first, whatever machine goes on with the run.
    """
    recorded = _recorded(run_folder) if run_folder else None
    if recorded:
        return DefaultRecipe(recorded, "with which this run began")
    if devices == "cpu":
        return DefaultRecipe(ON_CPU, "which takes a CPU only seconds per picture (execution.devices: cpu)")
    if devices != "auto" or has_gpu():
        return DefaultRecipe(ON_GPU, "by the original VGG-19, since there is a GPU")
    return DefaultRecipe(ON_CPU, "which takes a CPU only seconds per picture, since there is no GPU")


def _recorded(run_folder: Path) -> str | None:
    """The recipe that a run folder records; None where there is no such folder, or nothing that can be read in it."""
    try:
        data = read_yaml(run_folder / "run.yaml", "run.yaml")
    except ConfigError:
        return None
    name = _at(data, "config", "method", "recipe")
    return name if isinstance(name, str) and name != AUTO else None


def _at(data: Any, *keys: str) -> Any:
    for key in keys:
        data = data.get(key) if isinstance(data, Mapping) else None
    return data
