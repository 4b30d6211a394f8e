"""The number of workers: by the run file, the devices, and free memory."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence

import torch

from nst_core.chunks.work import Work
from nst_core.config.devices import Fleet
from nst_core.config.execution import Execution
from nst_core.engine.memory import SHARE, free_bytes
from nst_core.networks.sessions import session_for
from nst_core.plan.grouping import workers
from nst_core.run_folder.chunk import Chunk
from nst_core.run_folder.plan_table import Plan, PlannedPair


def worker_count(execution: Execution, fleet: Fleet, work: Work, chunks: Sequence[Chunk]) -> int:
    """The number of workers: as the run file says, or one per device; on the CPU, as its cores and memory allow."""
    wanted = min(workers(execution, fleet), len(chunks))
    if wanted > 1 and fleet.device.type != "cuda" and execution.workers == "auto":
        wanted = min(wanted, _workers_that_fit(chunks, work))
    return max(1, wanted)


def cluster_worker_count(execution: Execution, fleet: Fleet, chunks: Sequence[Chunk]) -> int:
    """The number of workers on a cluster, whose nodes' memory is not known here."""
    return max(1, min(workers(execution, fleet), len(chunks)))


def _workers_that_fit(chunks: Sequence[Chunk], work: Work) -> int:
    """The number of workers whose largest batches fit into this machine's memory together."""
    device, padded = torch.device(work.device), work.recipe.padded
    batches: Counter[tuple[int, int, int, int]] = Counter()
    for number, chunk in enumerate(chunks):
        for batch, width, height in _batches(chunk.rows):
            batches[number, batch, *padded(width, height)] += 1
    (_, _, width, height), batch = max(batches.items(), key=lambda item: item[0][2] * item[0][3] * item[1])
    one = session_for(work.recipe, device).pair_bytes(max(1, width), max(1, height))
    room = min(SHARE * free_bytes(device), work.tiling.memory or math.inf)
    return int(room / (batch * one))


def _batches(rows: Sequence[PlannedPair]) -> Iterable[tuple[int, int, int]]:
    """(batch, width, height) of each row."""
    if isinstance(rows, Plan):
        return zip(*(rows.numbers(name).tolist() for name in ("batch", "width", "height")), strict=True)
    return ((row.batch, row.width, row.height) for row in rows)
