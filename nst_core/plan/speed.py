"""The speed of a recipe on this machine: as it was measured, or estimated from its operations.

`nst bench` measures optimisations. A pass of a transfer network is measured here, where it is first asked for.

Needs what the engine needs, and PyYAML: benchmarks run on bare machines too.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from nst_core.engine.recipe import Recipe
from nst_core.engine.session import session_for as optimisation_session
from nst_core.engine.style_targets import StyleTarget
from nst_core.engine.transfer.pictures import network_pictures
from nst_core.engine.transfer.recipe import MethodRecipe, TransferRecipe
from nst_core.engine.transfer.session import TransferSession
from nst_core.errors import NstError
from nst_core.networks.sessions import session_for
from nst_core.recipes.plain_data import recipe_dict
from nst_core.storage.atomic import write_text_atomic
from nst_core.storage.machine import cache_folder, cores
from nst_core.storage.regular_files import read_regular

MEASURED_SIDE = 128
"""Side, in pixels, of the noise on which a transfer network is measured whose time grows with the pixels."""

ASSUMED_FLOPS = {"cpu": 25e9, "cuda": 150e12}
"""Operations per second that are assumed where nothing was measured: of one CPU core, of one GPU."""

_NOT_PART_OF_THE_WORK = (
    "name", "source", "weights", "size", "scales", "stages", "evaluations", "average", "alpha", "beta", "tv_weight",
    "start",
)  # fmt: skip


@dataclass(frozen=True)
class Speed:
    """The speed of a recipe.

    Attributes:
        pixels_per_second: evaluations of single images per second, times the pixels of one; all workers together.
        basis: how that was found out, in words.
        styles_per_second: styles that a transfer network looks at per second, all workers together; None: in no time.
    """

    pixels_per_second: float
    basis: str
    styles_per_second: float | None = None


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


def estimate_speed(recipe: MethodRecipe, device: torch.device, machine: str, here: torch.device | None = None) -> Speed:
    """The speed measured here for this recipe, at whatever size; else estimated from its number of operations.

    That of a transfer network is measured now, if it has not been: in a second or two. That of stages on several
    networks is the mean over all their evaluations.

    Args:
        here: the device of this process, where the workers' is another machine's.
    """
    if isinstance(recipe, TransferRecipe):
        return _network_speed(recipe, device, machine, here or device)
    if len(recipe.networks()) > 1:
        return _mean_speed(recipe, device, machine, here)
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


def _mean_speed(recipe: Recipe, device: torch.device, machine: str, here: torch.device | None) -> Speed:
    """The speed of stages on several networks: of all their evaluations in the time that they take together."""
    seconds, basis = 0.0, []
    for network in recipe.networks():
        own = [stage for stage in recipe.schedule() if stage.network == network]
        keys = f" --set features={network.features} --set weights={network.weights}" if network else ""
        alone = replace(recipe.under(network), name=f"{recipe.name} --set stages=null{keys}")
        speed = estimate_speed(alone, device, machine, here)
        seconds += sum(stage.factor**2 * stage.evaluations for stage in own) / speed.pixels_per_second
        basis.append(f"on {network.features if network else recipe.features} {speed.basis}")
    return Speed(recipe.full_size_evaluations() / seconds, "; ".join(basis))


def _operations_per_pixel(recipe: Recipe, device: torch.device) -> float:
    """Operations of one evaluation per pixel, from the cache if possible: counting loads half of torch's compiler."""
    key = "operations-" + _key(recipe, "", "")
    kept = _measurements().get(key)
    if kept is None:
        from nst_core.engine.bench.flops import evaluation_flops

        extractor = optimisation_session(replace(recipe, start="content", start_network=()), device).extractor
        counted = evaluation_flops(recipe, extractor, recipe.size, recipe.size).total / recipe.size**2
        kept = {"per_pixel": counted}
        _keep({key: kept})
    return float(kept["per_pixel"])


def _keep(found: dict[str, dict[str, Any]]) -> None:
    with contextlib.suppress(OSError, NstError):  # only a cache
        write_text_atomic(_file(), json.dumps(_measurements() | found, indent=2, sort_keys=True) + "\n")


def _network_speed(recipe: TransferRecipe, device: torch.device, machine: str, here: torch.device) -> Speed:
    """The speed of a transfer network, measured on the device that is here; reckoned to that of the workers."""
    key = _key(recipe, str(here), machine)
    found = _measurements().get(key)
    if found is None:
        found = _measured_passes(recipe, here) | {"when": datetime.now(UTC).date().isoformat()}
        _keep({key: found})
    factor, basis = 1.0, f"passes through the network, measured here on {found['when']}"
    if here.type != device.type:
        factor = ASSUMED_FLOPS[device.type] / (ASSUMED_FLOPS[here.type] * (cores() if here.type == "cpu" else 1))
        basis += f" on the {here.type}, and an assumed factor of {factor:.0f} for {device.type}"
    return Speed(factor * found["pixels_per_second"], basis, factor * found["styles_per_second"])


def _measured_passes(recipe: TransferRecipe, device: torch.device) -> dict[str, Any]:
    """Pixels of contents, and styles, per second of all workers together: the quicker of two passes each.

    On the CPU one thread is measured: several, which wait for each other, tell more of what else is going on.
    """
    session = session_for(recipe, device)
    assert isinstance(session, TransferSession)
    network = session.network
    side = min(recipe.size, MEASURED_SIDE) if network.proportional else recipe.size
    style_side = recipe.style_fit(recipe.size).size
    shown = min(style_side, MEASURED_SIDE) if network.proportional else style_side
    shape = max(network.min_side, round(0.75 * side)), max(network.min_side, side)
    content, style = torch.rand(3, *shape), torch.rand(3, *(max(network.min_style_side, shown),) * 2)
    content, style = content.to(device), style.to(device)
    vectors: list[StyleTarget] = []
    with _one_thread():
        per_style = _seconds(lambda: vectors.append(session.style_target(style, content)), device)
        per_picture = _seconds(lambda: network_pictures(content[None], vectors[:1], network), device)
    units = cores() if device.type == "cpu" else 1
    scale = (shown / style_side) ** 2
    return {
        "pixels_per_second": units * shape[0] * shape[1] / per_picture,
        "styles_per_second": units * scale / per_style,
    }


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _seconds(work: Callable[[], object], device: torch.device) -> float:
    """The time of a piece of work: the least of two, after one that warms up."""
    found = []
    for _ in range(3):
        start = time.perf_counter()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        found.append(time.perf_counter() - start)
    return max(min(found[1:]), 1e-6)


def _key(recipe: MethodRecipe, device: str, machine: str) -> str:
    """The cache's key: a hash of the machine and of the recipe without its sizes and weights.

    A transfer network's sizes count, since not all take their time in proportion.
    """
    data = {name: value for name, value in recipe_dict(recipe).items() if name not in _NOT_PART_OF_THE_WORK}
    if isinstance(recipe, TransferRecipe):
        data |= {"size": recipe.size}
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
