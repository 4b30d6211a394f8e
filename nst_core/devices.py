"""The devices that a run computes on."""

from __future__ import annotations

import torch

from nst_core.config import Execution
from nst_core.engine.devices import resolve_device


def run_devices(execution: Execution) -> tuple[torch.device, ...]:
    """The devices of this machine that `execution.devices` names; all its GPUs for `auto`, or the CPU.

    Raises:
        ConfigError: this machine has no such GPU.
    """
    if execution.devices == "cpu":
        return (torch.device("cpu"),)
    if execution.devices != "auto":
        return tuple(resolve_device(f"cuda:{index}") for index in execution.devices)
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    return tuple(torch.device("cuda", index) for index in range(count)) or (torch.device("cpu"),)
