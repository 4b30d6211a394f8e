"""This machine: the name of its GPU or processor, the usable cores, and the cache folder."""

from __future__ import annotations

import contextlib
import os
import platform
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from nst_core.errors import UsageError
from nst_core.storage.expansion import expanded

if TYPE_CHECKING:
    import torch

NVIDIA_DRIVER = Path("/dev/nvidiactl")  # there where a driver for CUDA is


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


def has_gpu() -> bool:
    """Whether there is a GPU for CUDA that torch can use; without a driver, told without loading torch."""
    if not NVIDIA_DRIVER.exists():
        return False
    import torch

    return torch.cuda.is_available()


def cache_folder() -> Path:
    """The folder of caches: `$XDG_CACHE_HOME/nst`, by default `~/.cache/nst`."""
    return user_folder("XDG_CACHE_HOME", ".cache") / "nst"


def user_folder(variable: str, default: str) -> Path:
    """The folder that an XDG variable names (`~` and variables in it expanded), else `default` below the home folder.

    Where this user has no home folder, the system's temporary one takes its place.
    """
    given = os.environ.get(variable)
    with contextlib.suppress(UsageError):
        if given and "://" not in given:
            return Path(expanded(given))
    home = os.path.expanduser("~")  # noqa: PTH111 (pathlib's raises RuntimeError where there is none)
    return Path(home if home != "~" else tempfile.gettempdir()) / default


def cores() -> int:
    """The number of cores that this process may run on (`taskset`, Slurm and cpusets allow fewer than there are)."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
