"""Pairs per batch and per chunk, and the number of workers, by device and free memory."""

from __future__ import annotations

import math
from dataclasses import dataclass

from nst_core.config.devices import Fleet, threads_of
from nst_core.config.execution import Execution
from nst_core.engine.transfer.recipe import MethodRecipe, TransferRecipe
from nst_core.networks.sessions import session_for
from nst_core.plan.speed import estimate_speed
from nst_core.storage.machine import cores, machine_name

BATCH_ON_CPU, BATCH_ON_GPU = 2, 64
"""Pairs that are optimised at once, where the run file leaves it open and they fit."""

NETWORK_BATCH_ON_CPU = 1
"""Pairs at once of a transfer network: AdaIN took 0.46 s per picture of 256² alone, 0.54 s in batches of four."""

SMALL_CHUNK = 8
"""Chunks of so few pairs are not worth the seconds that it takes to estimate their time."""

CHUNK_SECONDS = 45.0
"""Of one worker's time: long enough that scheduling costs nothing, short enough that a lost chunk costs little."""

MAX_CHUNKS = 1500
"""The most tasks that one Prefect flow run should have (automatic chunk size)."""

CHUNKS_PER_WORKER = 4
"""At least, where there are few pairs, so that all workers end at about the same time."""


@dataclass(frozen=True)
class Grouping:
    """The numbers of pairs in a batch and in a chunk."""

    batch_size: int
    chunk_size: int


def grouping(execution: Execution, recipe: MethodRecipe, fleet: Fleet, pairs: int = 0) -> Grouping:
    """Batch and chunk sizes: as the run file says, or what suits the devices and the number of pairs."""
    batch = execution.batch_size if execution.batch_size != "auto" else _fitting_batch(execution, recipe, fleet)
    if execution.chunk_size != "auto":
        return Grouping(batch, max(batch, execution.chunk_size))
    return Grouping(batch, max(batch, _chunk_size(execution, recipe, fleet, pairs)))


def _chunk_size(execution: Execution, recipe: MethodRecipe, fleet: Fleet, pairs: int) -> int:
    """Pairs of some 45 s of work; fewer where workers would get under four chunks, more where those are too many."""
    each = math.ceil(pairs / (CHUNKS_PER_WORKER * workers(execution, fleet)))
    if each > SMALL_CHUNK:
        seconds = recipe.full_size_evaluations() * recipe.size**2 / _worker_speed(execution, recipe, fleet)
        each = min(each, max(1, int(CHUNK_SECONDS / seconds)))
    return max(each, math.ceil(pairs / MAX_CHUNKS))


def workers(execution: Execution, fleet: Fleet) -> int:
    """The number of workers: as the run file says, or one per GPU or group of cores."""
    return fleet.units if execution.workers == "auto" else execution.workers


def _worker_speed(execution: Execution, recipe: MethodRecipe, fleet: Fleet) -> float:
    """Pixel-evaluations per second of one worker: of a GPU, of its cores, or of its share of them."""
    speed = estimate_speed(recipe, fleet.device, machine_name(fleet.device), fleet.here).pixels_per_second
    share = 1.0 if fleet.device.type == "cuda" else min(1.0, threads_of(execution) / cores())
    return speed * share / max(1.0, workers(execution, fleet) / fleet.units)


def _fitting_batch(execution: Execution, recipe: MethodRecipe, fleet: Fleet) -> int:
    """Pairs per batch: as many as keep the device busy, if they fit into its memory (another machine's is unknown)."""
    device, on_cpu = fleet.device, NETWORK_BATCH_ON_CPU if isinstance(recipe, TransferRecipe) else BATCH_ON_CPU
    most = BATCH_ON_GPU if device.type == "cuda" else on_cpu
    if device != fleet.here:
        return most
    side = max(recipe.padded(recipe.size, 1))
    session = session_for(recipe, device, execution.tiling)
    return session.batch_that_fits(side, most)
