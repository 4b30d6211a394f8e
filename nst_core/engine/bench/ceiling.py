"""The fastest matrix product that the device reaches, at the same precision and number of threads."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator

import torch

from nst_core.engine.bench.measure import Stopwatch
from nst_core.engine.bench.report import Ceiling

SQUARES = {"cpu": (512, 1024, 2048), "cuda": (2048, 4096, 8192)}

CONVOLUTIONS = ((64 * 64, 9 * 64, 64), (64 * 64, 9 * 128, 128), (32 * 32, 9 * 256, 256), (32 * 32, 9 * 512, 512))
"""(positions, 9 · channels in, channels out) of 3 × 3 convolutions of one image, written as matrix products."""

IMAGES = {"cpu": 1, "cuda": 64}
"""Images per such product."""

SECONDS = 0.15
"""Time for each shape, at least."""


def measure_ceiling(device: torch.device, precision: str, threads: int) -> Ceiling:
    """Measure a few shapes on `threads` CPU threads: the fastest repetition of the fastest one."""
    images = IMAGES[device.type]
    shapes = [(side, side, side) for side in SQUARES[device.type]]
    shapes += [(images * positions, inner, channels) for positions, inner, channels in CONVOLUTIONS]
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with _tf32(precision == "tf32"):
            speeds = {shape: product_speed(shape, device, precision) for shape in shapes}
    finally:
        torch.set_num_threads(before)
    best = max(speeds, key=speeds.__getitem__)
    return Ceiling(speeds[best], best, precision, threads)


def product_speed(shape: tuple[int, int, int], device: torch.device, precision: str) -> float:
    """FLOP/s of the fastest of several products (m × k) · (k × n)."""
    rows, inner, columns = shape
    dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32
    left = torch.randn(rows, inner, device=device, dtype=dtype)
    right = torch.randn(inner, columns, device=device, dtype=dtype)
    out = torch.empty(rows, columns, device=device, dtype=dtype)
    operations = 2 * rows * inner * columns
    expected = 5e14 if device.type == "cuda" else 1e11  # FLOP/s, roughly
    repeats = max(1, math.ceil(1e-3 * expected / operations))  # at least a millisecond each time, about
    best, total = math.inf, 0.0
    torch.mm(left, right, out=out)
    while total < SECONDS:
        with Stopwatch(device) as watch:
            for _ in range(repeats):
                torch.mm(left, right, out=out)
        best, total = min(best, watch.seconds / repeats), total + watch.seconds
    return operations / best


@contextlib.contextmanager
def _tf32(enabled: bool) -> Iterator[None]:
    """Enable TensorFloat-32 in CUDA's float32 products while the block runs, or leave the setting as it is."""
    before = torch.get_float32_matmul_precision()
    if enabled:
        torch.set_float32_matmul_precision("high")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
