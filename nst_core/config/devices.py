"""The devices that a run computes on: of this machine, or of a cluster."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from nst_core.config.execution import Execution
from nst_core.engine.devices import resolve_device
from nst_core.storage.machine import cores


@dataclass(frozen=True)
class Fleet:
    """The devices of a run's workers.

    Attributes:
        device: that each worker computes on, by its name there; precision and batches depend on its kind.
        here: that this process loads the network on, to inspect it: `device`, or the CPU if that is another machine's.
        units: the number of workers that the devices can serve: GPUs, or groups of cores.
    """

    device: torch.device
    here: torch.device
    units: int


def local_fleet(execution: Execution) -> Fleet:
    """The fleet of this machine. Raises ConfigError as `run_devices`."""
    devices = run_devices(execution)
    first = devices[0]
    return Fleet(first, first, len(devices) if first.type == "cuda" else max(1, cores() // threads_of(execution)))


def threads_of(execution: Execution) -> int:
    """CPU threads of a worker."""
    return 1 if execution.threads == "auto" else execution.threads


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
