"""What this machine is called, for what is remembered of it."""

from __future__ import annotations

import platform
from pathlib import Path

import torch


def machine_name(device: torch.device) -> str:
    """The GPU's name, or the processor's; a GPU that is not of this machine has none."""
    if device.type != "cuda":
        return _processor()
    return torch.cuda.get_device_name(device) if torch.cuda.is_available() else "a GPU elsewhere"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
