"""The throughput of the optimisation: evaluations per second, and the share of the ceiling that they reach."""

from __future__ import annotations

import math
import time
from dataclasses import replace

from nst_core.engine.bench.batch_runner import BenchPictures, Setup, stylize_all
from nst_core.engine.bench.measure import PeakMemory
from nst_core.engine.bench.report import Ceiling, Flops, Throughput
from nst_core.engine.features.base import Extractor
from nst_core.engine.recipe import Recipe
from nst_core.engine.watch import Watch

PARTS = 4
"""Reports while the clock runs, which are fewer than in the pipeline."""


def measure_throughput(
    recipe: Recipe,
    extractor: Extractor,
    pictures: BenchPictures,
    setup: Setup,
    evaluations: int,
    flops: Flops,
    ceiling: Ceiling,
) -> Throughput:
    """Measure the time of about `evaluations` evaluations of every image, the optimiser's steps included.

    A quarter as many come first to warm up (targets, kernels, caches). The clock runs from the first worker that starts
    until the last has finished; at both ends the host has waited for the device.
    """
    stride = math.ceil(evaluations / PARTS)
    memory = PeakMemory(extractor.device)
    clocks = [_Clock(stride, (PARTS + 1) * stride) for _ in range(setup.workers)]
    longer = replace(recipe, evaluations=(PARTS + 1) * stride + 1)
    stylize_all(longer, extractor, pictures, setup, lambda worker: Watch(stride, clocks[worker].progress))
    seconds = max(clock.stopped for clock in clocks) - min(clock.started for clock in clocks)
    return throughput_of(setup, PARTS * stride, seconds, flops, ceiling, memory.mib())


def throughput_of(
    setup: Setup, evaluations: int, seconds: float, flops: Flops, ceiling: Ceiling, peak_memory_mib: float
) -> Throughput:
    """The figures that follow from the measured seconds."""
    pace = setup.images * evaluations / seconds
    return Throughput(
        batch=setup.batch,
        workers=setup.workers,
        threads=setup.threads,
        evaluations=evaluations,
        seconds=seconds,
        ms_per_evaluation_and_image=1000 / pace,
        evaluations_per_second=pace,
        flop_per_second=pace * flops.total,
        ceiling_fraction=pace * flops.total / ceiling.flop_per_second,
        peak_memory_mib=peak_memory_mib,
    )


class _Clock:
    """The times at which a worker reports two numbers of evaluations; it waits for the device to report."""

    def __init__(self, first: int, last: int) -> None:
        self.first, self.last = first, last
        self.started = self.stopped = 0.0

    def progress(self, evaluations: int, _total: float) -> None:
        if evaluations == self.first:
            self.started = time.perf_counter()
        elif evaluations == self.last:
            self.stopped = time.perf_counter()
