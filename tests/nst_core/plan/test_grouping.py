"""Batch and chunk sizes follow from the device, its speed and the run file."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from nst_core.config.devices import Fleet
from nst_core.config.execution import Execution
from nst_core.config.run_config import parse_config
from nst_core.plan import grouping as module
from nst_core.plan.grouping import BATCH_ON_CPU, BATCH_ON_GPU, CHUNK_SECONDS, MAX_CHUNKS, Grouping, grouping
from nst_core.plan.speed import Speed

CPU, GPU = torch.device("cpu"), torch.device("cuda", 0)
HERE = Fleet(CPU, CPU, 2)
RECIPE = replace(parse_config({"method": {"recipe": "wavelet", "size": 48}}).method.resolve(), precision="float32")


def test_groups_are_as_asked_for_or_suit_the_device() -> None:
    assert grouping(Execution(batch_size=3, chunk_size=9), RECIPE, HERE) == Grouping(3, 9)
    assert grouping(Execution(), RECIPE, HERE) == Grouping(BATCH_ON_CPU, BATCH_ON_CPU)
    assert grouping(Execution(batch_size=50), RECIPE, HERE).chunk_size == 50


def test_a_chunk_is_some_45_seconds_of_one_workers_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "cores", lambda: 2)
    per_pair = RECIPE.evaluations * RECIPE.size**2
    monkeypatch.setattr(module, "estimate_speed", lambda *_: Speed(2 * per_pair / 3.0, "two cores, 3 s a pair each"))
    assert grouping(Execution(), RECIPE, HERE, pairs=10_000).chunk_size == CHUNK_SECONDS / 3
    assert grouping(Execution(), RECIPE, HERE, pairs=80).chunk_size == 10, "so few that each worker has four chunks"
    assert grouping(Execution(), RECIPE, HERE, pairs=1_500_000).chunk_size == 1_500_000 / MAX_CHUNKS, "too many tasks"


def test_gpus_of_another_machine_get_the_largest_batches_and_chunks_for_as_many_workers() -> None:
    """Their memory cannot be read from here; where it runs out, the engine halves the batch."""
    cluster = Fleet(GPU, CPU, 3)
    assert grouping(Execution(), RECIPE, cluster, pairs=12 * 100).batch_size == BATCH_ON_GPU
    assert grouping(Execution(), RECIPE, cluster, pairs=12 * 100).chunk_size == 100
