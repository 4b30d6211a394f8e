"""How much is worked on at once: pairs per batch and chunk, chunks at a time, by device and free memory."""

from __future__ import annotations

import math
from dataclasses import dataclass

from nst_core.config.devices import Fleet, threads_of
from nst_core.config.run_config import Execution
from nst_core.engine.memory import batch_that_fits
from nst_core.engine.recipe import Recipe
from nst_core.engine.session import session_for
from nst_core.plan.pace import pace_of
from nst_core.storage.machine import cores, machine_name

BATCH_ON_CPU, BATCH_ON_GPU = 2, 64
"""Pairs that are optimised at once, where the run file leaves it open and they fit."""

SMALL_CHUNK = 8
"""Chunks of so few pairs are not worth the seconds that it takes to reckon how long they will run."""

CHUNK_SECONDS = 45.0
"""Of one worker's work: long enough that handing it out costs nothing, short enough that losing it costs little."""

MAX_CHUNKS = 1500
"""As many tasks as one Prefect flow run should have (automatic chunk size)."""

CHUNKS_PER_WORKER = 4
"""At least, where there are few pairs: the workers shall be done at about the same time."""


def grouping(execution: Execution, recipe: Recipe, fleet: Fleet, pairs: int = 0) -> Grouping:
    """Batch and chunk sizes: as the run file says, or what suits the devices and the number of pairs."""
    batch = execution.batch_size if execution.batch_size != "auto" else _fitting_batch(recipe, fleet)
    if execution.chunk_size != "auto":
        return Grouping(batch, max(batch, execution.chunk_size))
    return Grouping(batch, max(batch, _chunk(execution, recipe, fleet, pairs)))


def _chunk(execution: Execution, recipe: Recipe, fleet: Fleet, pairs: int) -> int:
    """Pairs of some 45 s of work; fewer where workers would get under four chunks, more where those are too many."""
    each = math.ceil(pairs / (CHUNKS_PER_WORKER * workers(execution, fleet)))
    if each > SMALL_CHUNK:
        seconds = recipe.evaluations * recipe.size**2 / _worker_pace(execution, recipe, fleet)
        each = min(each, max(1, int(CHUNK_SECONDS / seconds)))
    return max(each, math.ceil(pairs / MAX_CHUNKS))


def workers(execution: Execution, fleet: Fleet) -> int:
    """Workers that there are to be: as the run file says, or one per GPU or group of cores."""
    return fleet.units if execution.workers == "auto" else execution.workers


def _worker_pace(execution: Execution, recipe: Recipe, fleet: Fleet) -> float:
    """Pixel-evaluations per second of one worker: of a GPU, or of its cores, or of its part of them."""
    pace = pace_of(recipe, fleet.device, machine_name(fleet.device), fleet.here).pixels_per_second
    own = 1.0 if fleet.device.type == "cuda" else min(1.0, threads_of(execution) / cores())
    return pace * own / max(1.0, workers(execution, fleet) / fleet.units)


def _fitting_batch(recipe: Recipe, fleet: Fleet) -> int:
    """Pairs at a time: as many as keep the device busy, if they fit into its memory; another machine's is not known."""
    most, device = BATCH_ON_GPU if fleet.device.type == "cuda" else BATCH_ON_CPU, fleet.device
    if device != fleet.here:
        return most
    side = max(recipe.padded(recipe.size, 1))
    return batch_that_fits(recipe, session_for(recipe, device).extractor, device, side, most)


@dataclass(frozen=True)
class Grouping:
    """How many pairs are optimised at once, and how many make a chunk."""

    batch_size: int
    chunk_size: int
