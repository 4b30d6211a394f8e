"""Paces, ceilings and costs: arithmetic that follows from seconds, whatever these are."""

from __future__ import annotations

import pytest
import torch

from nst_core.engine.bench.batch_runner import Setup
from nst_core.engine.bench.ceiling import product_speed
from nst_core.engine.bench.measure import PeakMemory, Stopwatch
from nst_core.engine.bench.report import Ceiling, Flops, cost_of, side_of
from nst_core.engine.bench.throughput import throughput_of

CPU = torch.device("cpu")


def test_a_pace_follows_from_its_seconds() -> None:
    setup, flops = Setup(batch=4, workers=2, threads=1), Flops(90, 10, 100)
    pace = throughput_of(setup, 50, 8.0, flops, Ceiling(20_000.0, (1, 1, 1), "float32", 2), 3.0)
    assert pace.evaluations_per_second == 2 * 4 * 50 / 8.0
    assert pace.ms_per_evaluation_and_image == 1000 * 8.0 / (2 * 4 * 50)
    assert pace.flop_per_second == 5000.0
    assert pace.ceiling_fraction == 0.25


def test_cost_is_hours_times_price() -> None:
    cost = cost_of("ours", 2.0, 7200, 3.0)
    assert (cost.hours, cost.cost) == (1.0, 3.0)


def test_a_side_is_all_its_rounds() -> None:
    assert side_of(3, 100, [2.0, 1.0]).images_per_second == 3.0


def test_the_clock_and_the_memory_move_forward() -> None:
    with Stopwatch(CPU) as watch:
        memory = PeakMemory(CPU)
        torch.ones(64, 1024, 1024).sum()
    assert watch.seconds > 0
    assert memory.mib() > 256


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_product_has_a_speed(precision: str) -> None:
    assert product_speed((16, 32, 8), CPU, precision) > 0
