"""How much is worked on at once: pairs per batch and chunk, chunks at a time, by device and free memory."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence

import torch

from nst_core.config.devices import Fleet, threads_of
from nst_core.config.run_config import Execution
from nst_core.engine.memory import SHARE, batch_that_fits, free_bytes, pair_bytes
from nst_core.engine.recipe import Recipe
from nst_core.engine.session import session_for
from nst_core.pace import pace_of
from nst_core.planning import Grouping
from nst_core.run_folder.chunk import Chunk
from nst_core.run_folder.plan_table import Plan, PlannedPair
from nst_core.storage.machine import cores, machine_name
from nst_core.worker import Work

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
    each = math.ceil(pairs / (CHUNKS_PER_WORKER * _workers(execution, fleet)))
    if each > SMALL_CHUNK:
        seconds = recipe.evaluations * recipe.size**2 / _worker_pace(execution, recipe, fleet)
        each = min(each, max(1, int(CHUNK_SECONDS / seconds)))
    return max(each, math.ceil(pairs / MAX_CHUNKS))


def worker_count(execution: Execution, fleet: Fleet, work: Work, chunks: Sequence[Chunk]) -> int:
    """Chunks at a time: as the run file says, or one per device; on the CPU, as many as its cores and memory allow."""
    wanted = min(_workers(execution, fleet), len(chunks))
    if wanted > 1 and fleet.device.type != "cuda" and execution.workers == "auto":
        wanted = min(wanted, _workers_that_fit(chunks, work))
    return max(1, wanted)


def cluster_worker_count(execution: Execution, fleet: Fleet, chunks: Sequence[Chunk]) -> int:
    """As `worker_count`, where the nodes' memory is theirs to know."""
    return max(1, min(_workers(execution, fleet), len(chunks)))


def _workers(execution: Execution, fleet: Fleet) -> int:
    return fleet.units if execution.workers == "auto" else execution.workers


def _worker_pace(execution: Execution, recipe: Recipe, fleet: Fleet) -> float:
    """Pixel-evaluations per second of one worker: of a GPU, or of its cores, or of its part of them."""
    pace = pace_of(recipe, fleet.device, machine_name(fleet.device), fleet.here).pixels_per_second
    own = 1.0 if fleet.device.type == "cuda" else min(1.0, threads_of(execution) / cores())
    return pace * own / max(1.0, _workers(execution, fleet) / fleet.units)


def _fitting_batch(recipe: Recipe, fleet: Fleet) -> int:
    """Pairs at a time: as many as keep the device busy, if they fit into its memory; another machine's is not known."""
    most, device = BATCH_ON_GPU if fleet.device.type == "cuda" else BATCH_ON_CPU, fleet.device
    if device != fleet.here:
        return most
    side = max(recipe.padded(recipe.size, 1))
    return batch_that_fits(recipe, session_for(recipe, device).extractor, device, side, most)


def _workers_that_fit(chunks: Sequence[Chunk], work: Work) -> int:
    """Workers whose largest batches fit into this machine's memory together."""
    device, padded = torch.device(work.device), work.recipe.padded
    batches: Counter[tuple[int, int, int, int]] = Counter()
    for number, chunk in enumerate(chunks):
        for batch, width, height in _batches(chunk.rows):
            batches[number, batch, *padded(width, height)] += 1
    (_, _, width, height), batch = max(batches.items(), key=lambda item: item[0][2] * item[0][3] * item[1])
    one = pair_bytes(work.recipe, session_for(work.recipe, device).extractor, max(1, width), max(1, height))
    return int(SHARE * free_bytes(device) / (batch * one))


def _batches(rows: Sequence[PlannedPair]) -> Iterable[tuple[int, int, int]]:
    """(batch, width, height) of each row."""
    if isinstance(rows, Plan):
        return zip(*(rows.numbers(name).tolist() for name in ("batch", "width", "height")), strict=True)
    return ((row.batch, row.width, row.height) for row in rows)
