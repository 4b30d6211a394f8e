"""Short forms of a recipe's keys: written out, paths expanded, and what follows from other keys filled in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from nst_core.engine.stages import inputs_of
from nst_core.engine.transfer.recipe import is_network
from nst_core.recipes.files import TRANSFER
from nst_core.storage.expansion import expanded


def write_out(keys: dict[str, Any]) -> None:
    """Write out the short forms among an optimisation's keys; what is of a wrong type stays, to be refused."""
    if keys.get("features") == "slim":
        keys.setdefault("weights", "shipped")
    keys.setdefault("inputs", inputs_of(keys.get("weights", "")))
    if isinstance(keys.get("weights"), str):
        keys["weights"] = expanded(keys["weights"])
    keys["stages"] = with_weights_paths(keys.get("stages"), expanded)
    _write_out_start(keys)


def with_weights_paths(stages: Any, path: Callable[[str], str]) -> Any:
    """The stages of a recipe with `path` of the paths of their weights; anything else as it is, to be refused."""
    if not isinstance(stages, list):
        return stages
    return [
        {**stage, "weights": path(stage["weights"])}
        if isinstance(stage, Mapping) and isinstance(stage.get("weights"), str)
        else stage
        for stage in stages
    ]


def _write_out_start(keys: dict[str, Any]) -> None:
    """Write `start: quick`, or a network's file, as `start: transfer` with that network."""
    start = keys.get("start")
    if isinstance(start, list) or (isinstance(start, str) and is_network(start)):
        keys |= {"start": TRANSFER, "start_network": start}
    names = keys.get("start_network")
    if isinstance(names, str | list) and all(isinstance(name, str) for name in names):
        keys["start_network"] = [expanded(name) for name in ([names] if isinstance(names, str) else names)]
