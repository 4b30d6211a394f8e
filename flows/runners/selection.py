"""The choice of a runner, as `execution` in the run file asks for it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import AbstractContextManager

import torch

from flows.runners.base import Runner, Stop
from flows.runners.fleet import CLUSTERS, check_installed
from flows.runners.local import ProcessRunner, ThreadRunner
from flows.runners.process import WorkerSlot, visible_gpus
from nst_core.chunks.work import Work
from nst_core.chunks.worker_count import cluster_worker_count, worker_count
from nst_core.config.devices import Fleet, run_devices
from nst_core.config.run_config import Execution
from nst_core.run_folder.chunk import Chunk


def open_runner(
    execution: Execution,
    fleet: Fleet,
    work: Work,
    chunks: Sequence[Chunk],
    should_stop: Stop,
    inherited: Sequence[int] = (),
) -> AbstractContextManager[Runner]:
    """The runner that `execution` asks for, with at most as many workers as there is work for.

    Args:
        inherited: file descriptors that worker processes of this machine hold while they live.

    Raises:
        ConfigError: the runner needs what is not installed, or a cluster that is not there.
    """
    kind = execution.runner
    if kind == "auto":
        kind = "process" if work.device.startswith("cuda") else "thread"
    if kind in CLUSTERS:
        check_installed(kind)
        size = cluster_worker_count(execution, fleet, chunks)
        if kind == "ray":
            from flows.runners.ray import ray_runner

            return ray_runner(execution.address, size, work, chunks, should_stop)
        from flows.runners.dask import dask_runner

        return dask_runner(execution.address, size, work, chunks, should_stop)
    devices = run_devices(execution)
    workers = [devices[number % len(devices)] for number in range(worker_count(execution, fleet, work, chunks))]
    slots = [WorkerSlot(_gpu(device), inherited) for device in workers]
    if kind == "process":
        return ProcessRunner(work, slots, should_stop)
    return ThreadRunner(work, [str(device) for device in workers], slots, should_stop)


def _gpu(device: torch.device) -> str | None:
    return visible_gpus(os.environ, [device.index])[0] if device.type == "cuda" else None
