"""The pace of the optimisation once it runs: evaluations per second, and which part of the ceiling they use."""

from __future__ import annotations

import math
import time

from nst_core.engine.bench.measure import PeakMemory
from nst_core.engine.bench.ours import BenchPictures, Setup, stylize_all, with_evaluations
from nst_core.engine.bench.report import Ceiling, Flops, Throughput
from nst_core.engine.features.base import Extractor
from nst_core.engine.optimisation import Watch
from nst_core.engine.recipe import Recipe

PARTS = 4
"""The host looks in this often while the clock runs, which is less often than in the pipeline."""


def measure_throughput(
    recipe: Recipe,
    extractor: Extractor,
    pictures: BenchPictures,
    setup: Setup,
    evaluations: int,
    flops: Flops,
    ceiling: Ceiling,
) -> Throughput:
    """Time about `evaluations` evaluations of every image, steps of the optimiser included.

    A quarter as many go before to warm up (targets, kernels, caches). The clock runs from the first worker that starts
    until the last has finished; at both ends the host has waited for the device.
    """
    stride = math.ceil(evaluations / PARTS)
    memory = PeakMemory(extractor.device)
    clocks = [_Clock(stride, (PARTS + 1) * stride) for _ in range(setup.workers)]
    longer = with_evaluations(recipe, (PARTS + 1) * stride + 1)
    stylize_all(longer, extractor, pictures, setup, lambda worker: Watch(stride, clocks[worker].look))
    seconds = max(clock.stopped for clock in clocks) - min(clock.started for clock in clocks)
    return throughput_of(setup, PARTS * stride, seconds, flops, ceiling, memory.mib())


def throughput_of(
    setup: Setup, evaluations: int, seconds: float, flops: Flops, ceiling: Ceiling, peak_memory_mib: float
) -> Throughput:
    """All figures of a pace that follow from the seconds on the wall."""
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
    """Notes when a worker reports two numbers of evaluations; to report, it has waited for the device."""

    def __init__(self, first: int, last: int) -> None:
        self.first, self.last = first, last
        self.started = self.stopped = 0.0

    def look(self, evaluations: int, _total: float) -> None:
        if evaluations == self.first:
            self.started = time.perf_counter()
        elif evaluations == self.last:
            self.stopped = time.perf_counter()
