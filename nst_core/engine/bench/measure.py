"""Wall time and memory, on the CPU and on a GPU."""

from __future__ import annotations

import time
from pathlib import Path
from types import TracebackType

import torch

from nst_core.engine.memory import peak_resident


class Stopwatch:
    """`with Stopwatch(device) as watch: …`, then `watch.seconds` on the wall; a GPU has finished its work by then."""

    def __init__(self, device: torch.device) -> None:
        self.device, self.seconds, self._started = device, 0.0, 0.0

    def __enter__(self) -> Stopwatch:
        self._wait()
        self._started = time.perf_counter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self._wait()
        self.seconds = time.perf_counter() - self._started

    def _wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)


class PeakMemory:
    """The peak memory since this object was made: allocated on a GPU, resident in the whole process on the CPU."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
        else:
            _forget_peak()

    def mib(self) -> float:
        """The peak in MiB. Where Linux does not let us reset it, the CPU's is that since the process began."""
        if self.device.type == "cuda":
            return torch.cuda.max_memory_allocated(self.device) / 2**20
        return peak_resident() / 2**20


def _forget_peak() -> None:
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")
    except OSError:
        return  # not Linux, or not permitted
