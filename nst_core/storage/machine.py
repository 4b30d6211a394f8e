"""This machine: the name of its GPU or processor, the usable cores, and the cache folder."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def machine_name(device: torch.device) -> str:
    """The name of the GPU or processor behind a device; `a GPU elsewhere` where this machine has no GPU."""
    if device.type != "cuda":
        return _processor()
    import torch  # slow to load, and not needed for a processor's name

    return torch.cuda.get_device_name(device) if torch.cuda.is_available() else "a GPU elsewhere"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def cache_folder() -> Path:
    """The folder of caches: `$XDG_CACHE_HOME/nst`, by default `~/.cache/nst`."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nst"


def cores() -> int:
    """The number of cores that this process may run on (`taskset`, Slurm and cpusets allow fewer than there are)."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
