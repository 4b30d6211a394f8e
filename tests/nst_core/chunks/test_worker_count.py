"""The number of workers follows from the devices, their memory and the run file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from planned import planned

from nst_core.chunks import worker_count as module
from nst_core.chunks.work import Work
from nst_core.chunks.worker_count import cluster_worker_count, worker_count
from nst_core.config import devices
from nst_core.config.devices import Fleet, local_fleet
from nst_core.config.execution import Execution
from nst_core.config.output import Output
from nst_core.config.run_config import parse_config
from nst_core.engine.images.limits import ImageLimits
from nst_core.engine.memory import SHARE, pair_bytes
from nst_core.engine.session import session_for
from nst_core.run_folder.chunk import Chunk
from nst_core.run_folder.plan_table import PlannedPair

CPU, GPU = torch.device("cpu"), torch.device("cuda", 0)
RECIPE = replace(parse_config({"method": {"recipe": "wavelet", "size": 48}}).method.resolve(), precision="float32")


def work(device: str = "cpu") -> Work:
    return Work(Path("run"), RECIPE, None, Output(), ImageLimits(), ImageLimits(), device)


def chunks(count: int, batch: int = 2, side: int = 48) -> list[Chunk]:
    """Chunks of one batch each."""
    row = planned(width=side, height=side)

    def members(number: int) -> tuple[PlannedPair, ...]:
        return tuple(replace(row, pair_id=f"{number}-{i}", chunk_id=str(number), batch=0) for i in range(batch))

    return [Chunk(str(number), "ada", members(number), frozenset()) for number in range(count)]


def counted(execution: Execution, those: list[Chunk]) -> int:
    return worker_count(execution, local_fleet(execution.model_copy(update={"devices": "cpu"})), work(), those)


def test_one_worker_per_gpu_and_one_per_core(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "cores", lambda: 16)
    automatic = Execution()
    assert worker_count(automatic, Fleet(GPU, GPU, 1), work("cuda:0"), chunks(100)) == 1
    assert counted(automatic, chunks(100)) == 16
    assert counted(automatic, chunks(3)) == 3
    assert counted(Execution(threads=4), chunks(100)) == 4
    assert counted(Execution(threads=64), chunks(100)) == 1
    assert counted(Execution(workers=7), chunks(100)) == 7


def test_no_more_workers_than_fit_into_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "cores", lambda: 16)
    one = pair_bytes(RECIPE, session_for(RECIPE, CPU).extractor, 96, 96)
    monkeypatch.setattr(module, "free_bytes", lambda _device: int(2 * 3.5 * one / SHARE))
    assert counted(Execution(), chunks(100, side=96)) == 3
    assert counted(Execution(), chunks(100, batch=20, side=96)) == 1
    assert counted(Execution(workers=7), chunks(100, side=96)) == 7, "who asks for a number gets it"


def test_what_a_worker_takes_is_a_batch_of_padded_images(monkeypatch: pytest.MonkeyPatch) -> None:
    """Images of four heights are optimised as one batch of four of the padded shape."""
    bucketed = replace(work(), recipe=replace(RECIPE, bucket=96))
    mixed = [
        replace(chunk, rows=tuple(replace(row, height=60 + number) for number, row in enumerate(chunk.rows)))
        for chunk in chunks(10, batch=4, side=96)
    ]
    one = pair_bytes(RECIPE, session_for(RECIPE, CPU).extractor, 96, 96)
    monkeypatch.setattr(module, "free_bytes", lambda _device: int(4 * 3.5 * one / SHARE))
    assert worker_count(Execution(), Fleet(CPU, CPU, 16), bucketed, mixed) == 3


def test_gpus_of_another_machine_get_a_worker_each() -> None:
    cluster = Fleet(GPU, CPU, 3)
    assert cluster_worker_count(Execution(), cluster, chunks(100)) == 3
    assert cluster_worker_count(Execution(workers=5), cluster, chunks(100)) == 5
    assert cluster_worker_count(Execution(), cluster, chunks(2)) == 2
