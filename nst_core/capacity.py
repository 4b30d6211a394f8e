"""How much is worked on at once: pairs per batch and chunk, chunks at a time, by device and free memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import torch

from nst_core.config import Execution
from nst_core.cores import cores
from nst_core.engine.memory import SHARE, batch_that_fits, free_bytes, pair_bytes
from nst_core.engine.recipe import Recipe
from nst_core.engine.session import session_for
from nst_core.plan import Plan, PlannedPair
from nst_core.planning import Grouping
from nst_core.run_folder import Chunk
from nst_core.worker import Work

BATCH_ON_CPU, BATCH_ON_GPU = 2, 64
CHUNK_ON_CPU, CHUNK_ON_GPU = 8, 256
"""What is chosen where the run file leaves it open: pairs that are optimised at once, and pairs per chunk."""

MAX_CHUNKS = 1000
"""About as many tasks as one Prefect flow run should have (automatic chunk size)."""


def grouping(execution: Execution, recipe: Recipe, device: torch.device, pairs: int = 0) -> Grouping:
    """Batch and chunk sizes: as the run file says, or what suits the device and keeps tasks to about a thousand."""
    on_gpu = device.type == "cuda"
    batch = execution.batch_size if execution.batch_size != "auto" else _fitting_batch(recipe, device)
    chunk = execution.chunk_size if execution.chunk_size != "auto" else (CHUNK_ON_GPU if on_gpu else CHUNK_ON_CPU)
    if execution.chunk_size == "auto":
        chunk = max(chunk, pairs // MAX_CHUNKS)
    return Grouping(batch, max(batch, chunk))


def worker_count(execution: Execution, work: Work, chunks: Sequence[Chunk]) -> int:
    """Chunks at a time: as the run file says, or one per device; on the CPU, as many as its cores and memory allow."""
    on_gpu = work.device.startswith("cuda")
    if execution.workers != "auto":
        wanted = execution.workers
    else:
        threads = 1 if execution.threads == "auto" else execution.threads
        wanted = 1 if on_gpu else max(1, cores() // threads)
    wanted = min(wanted, len(chunks))
    if wanted > 1 and not on_gpu and execution.workers == "auto":
        wanted = min(wanted, _workers_that_fit(chunks, work))
    return max(1, wanted)


def _fitting_batch(recipe: Recipe, device: torch.device) -> int:
    """Pairs at a time: as many as keep the device busy, if they fit into its memory."""
    most = BATCH_ON_GPU if device.type == "cuda" else BATCH_ON_CPU
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
