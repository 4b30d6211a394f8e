"""Which crew a run gets."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import AbstractContextManager

import torch

from flows.runners.base import Crew, Stop
from flows.runners.fleet import CLUSTERS, must_have
from flows.runners.process import Place, visible_gpus
from flows.runners.processes import Processes
from flows.runners.threads import Threads
from nst_core.chunks.work import Work
from nst_core.chunks.worker_count import cluster_worker_count, worker_count
from nst_core.config.devices import Fleet, run_devices
from nst_core.config.run_config import Execution
from nst_core.run_folder.chunk import Chunk


def open_crew(
    execution: Execution,
    fleet: Fleet,
    work: Work,
    chunks: Sequence[Chunk],
    should_stop: Stop,
    inherited: Sequence[int] = (),
) -> AbstractContextManager[Crew]:
    """The workers that `execution` asks for, as many as there is work for.

    Args:
        inherited: file descriptors that worker processes of this machine hold while they live.

    Raises:
        ConfigError: the runner needs what is not installed, or a cluster that is not there.
    """
    runner = execution.runner
    if runner == "auto":
        runner = "process" if work.device.startswith("cuda") else "thread"
    if runner in CLUSTERS:
        return _cluster_crew(execution, fleet, work, chunks, should_stop)
    count = worker_count(execution, fleet, work, chunks)
    devices, places = _seats(execution, count, inherited)
    if runner == "process":
        return Processes(work, places, should_stop)
    return Threads(work, devices, places, should_stop)


def _cluster_crew(
    execution: Execution, fleet: Fleet, work: Work, chunks: Sequence[Chunk], should_stop: Stop
) -> AbstractContextManager[Crew]:
    must_have(execution.runner)
    size = cluster_worker_count(execution, fleet, chunks)
    if execution.runner == "ray":
        from flows.runners.ray import ray_crew

        return ray_crew(execution.address, size, work, chunks, should_stop)
    from flows.runners.dask import dask_crew

    return dask_crew(execution.address, size, work, chunks, should_stop)


def _seats(execution: Execution, count: int, inherited: Sequence[int]) -> tuple[list[str], list[Place]]:
    """For each worker the device that a thread uses, and the place that a process gets: one after the other."""
    devices = run_devices(execution)
    taken = [devices[number % len(devices)] for number in range(count)]
    return [str(device) for device in taken], [Place(_gpu(device), inherited) for device in taken]


def _gpu(device: torch.device) -> str | None:
    return visible_gpus(os.environ, [device.index])[0] if device.type == "cuda" else None
