"""What is worked on at once follows from the device, its memory and the run file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from planned import planned

from nst_core.chunks.work import Work
from nst_core.chunks.worker_count import cluster_worker_count, worker_count
from nst_core.config import devices
from nst_core.config.devices import Fleet, local_fleet
from nst_core.config.method import resolve_method
from nst_core.config.run_config import Execution, Output, parse_config
from nst_core.engine.images.limits import ImageLimits
from nst_core.plan import grouping as capacity
from nst_core.plan.grouping import BATCH_ON_CPU, BATCH_ON_GPU, CHUNK_SECONDS, MAX_CHUNKS, Grouping, grouping
from nst_core.plan.pace import Pace
from nst_core.run_folder.chunk import Chunk
from nst_core.run_folder.plan_table import PlannedPair

CPU, GPU = torch.device("cpu"), torch.device("cuda", 0)
HERE = Fleet(CPU, CPU, 2)
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
    one = capacity.pair_bytes(RECIPE, capacity.session_for(RECIPE, CPU).extractor, 96, 96)
    monkeypatch.setattr(capacity, "free_bytes", lambda _device: int(2 * 3.5 * one / capacity.SHARE))
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
    one = capacity.pair_bytes(RECIPE, capacity.session_for(RECIPE, CPU).extractor, 96, 96)
    monkeypatch.setattr(capacity, "free_bytes", lambda _device: int(4 * 3.5 * one / capacity.SHARE))
    assert worker_count(Execution(), Fleet(CPU, CPU, 16), bucketed, mixed) == 3


def test_groups_are_as_asked_for_or_suit_the_device() -> None:
    assert grouping(Execution(batch_size=3, chunk_size=9), RECIPE, HERE) == Grouping(3, 9)
    assert grouping(Execution(), RECIPE, HERE) == Grouping(BATCH_ON_CPU, BATCH_ON_CPU)
    assert grouping(Execution(batch_size=50), RECIPE, HERE).chunk_size == 50


def test_a_chunk_is_some_45_seconds_of_one_workers_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capacity, "cores", lambda: 2)
    per_pair = RECIPE.evaluations * RECIPE.size**2
    monkeypatch.setattr(capacity, "pace_of", lambda *_: Pace(2 * per_pair / 3.0, "two cores, 3 s a pair each", True))
    assert grouping(Execution(), RECIPE, HERE, pairs=10_000).chunk_size == CHUNK_SECONDS / 3
    assert grouping(Execution(), RECIPE, HERE, pairs=80).chunk_size == 10, "so few that each worker has four chunks"
    assert grouping(Execution(), RECIPE, HERE, pairs=1_500_000).chunk_size == 1_500_000 / MAX_CHUNKS, "too many tasks"


def test_gpus_of_another_machine_get_the_largest_batches_and_chunks_for_as_many_workers() -> None:
    """They cannot be asked from here; where memory runs out, the engine parts the batch."""
    cluster = Fleet(GPU, CPU, 3)
    assert grouping(Execution(), RECIPE, cluster, pairs=12 * 100).batch_size == BATCH_ON_GPU
    assert grouping(Execution(), RECIPE, cluster, pairs=12 * 100).chunk_size == 100
    assert cluster_worker_count(Execution(), cluster, chunks(100)) == 3
    assert cluster_worker_count(Execution(workers=5), cluster, chunks(100)) == 5
    assert cluster_worker_count(Execution(), cluster, chunks(2)) == 2


def test_the_precision_is_that_of_the_workers_devices_not_of_this_machines() -> None:
    method = resolve_method(parse_config({"method": {"recipe": "wavelet", "precision": "auto"}}), Fleet(GPU, CPU, 3))
    assert (method.recipe.precision, str(method.device)) == ("bfloat16", "cuda:0")
