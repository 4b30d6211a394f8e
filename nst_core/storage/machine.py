"""This machine: its name, the cores that we may use, and the folder of what only saves time."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def machine_name(device: torch.device) -> str:
    """The GPU's name, or the processor's; a GPU that is not of this machine has none."""
    if device.type != "cuda":
        return _processor()
    import torch  # not needed for a processor's name, and slow to load

    return torch.cuda.get_device_name(device) if torch.cuda.is_available() else "a GPU elsewhere"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def cache_folder() -> Path:
    """`$XDG_CACHE_HOME/nst`, by default `~/.cache/nst`."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nst"


def cores() -> int:
    """Cores that the process may run on: fewer than the machine has under `taskset`, Slurm or a container's cpuset."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
