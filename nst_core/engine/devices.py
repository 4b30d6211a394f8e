"""Where the optimisation runs, and at which precision."""

from __future__ import annotations

from dataclasses import replace

import torch

from nst_core.engine.recipe import Recipe
from nst_core.errors import ConfigError


def resolve_device(wanted: str) -> torch.device:
    """`auto` is CUDA where there is one, else the CPU; a device has one spelling (`cuda` is `cuda:0`).

    Raises:
        ConfigError: no such kind of device, or not on this machine.
    """
    if wanted == "auto":
        return torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(wanted)
    except RuntimeError as error:
        raise ConfigError(f"execution.device is {wanted!r}; it can be auto, cpu, cuda or cuda:<n>.") from error
    if device.type not in ("cpu", "cuda"):
        raise ConfigError(f"execution.device is {wanted!r}; it can be auto, cpu, cuda or cuda:<n>.")
    if device.type == "cpu":
        return torch.device("cpu")
    index = device.index or 0
    if index >= torch.cuda.device_count():
        raise ConfigError(
            f"execution.device is {wanted!r}, but this machine has {torch.cuda.device_count()} CUDA devices."
        )
    return torch.device("cuda", index)


def resolve_precision(recipe: Recipe, device: torch.device) -> Recipe:
    """The recipe with `auto` precision made definite: bfloat16 on CUDA, float32 on the CPU."""
    if recipe.precision != "auto":
        return recipe
    return replace(recipe, precision="bfloat16" if device.type == "cuda" else "float32")
