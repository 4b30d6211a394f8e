"""The choice of devices and runner, as `execution` in the run file asks for them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager

import torch

from flows.runners.base import Runner, Stop
from flows.runners.gpu_claims import visible_gpu_names
from flows.runners.local import ProcessRunner, ThreadRunner
from flows.runners.process import WorkerSlot
from nst_core.chunks.work import Work
from nst_core.chunks.worker_count import cluster_worker_count, worker_count
from nst_core.config.devices import Fleet, local_fleet, run_devices, threads_of
from nst_core.config.execution import Execution
from nst_core.errors import ConfigError
from nst_core.run_folder.chunk import Chunk

CLUSTERS = {"ray": "ray", "dask": "distributed"}
"""Runners that are clusters, and the package that each needs."""


def fleet_of(execution: Execution) -> Fleet:
    """The devices that `execution` asks for; a cluster at an address is connected to, and asked what it has.

    Raises:
        ConfigError: no such device, package or cluster.
    """
    if execution.runner not in CLUSTERS:
        return local_fleet(execution)
    if isinstance(execution.devices, list):
        raise ConfigError(
            f"execution.devices is {execution.devices}, but on a cluster {execution.runner.title()} hands out the "
            "GPUs: set it to auto or cpu."
        )
    check_installed(execution.runner)
    if execution.address is None:
        return local_fleet(execution)
    gpus, units = _cluster_devices(execution)
    here = torch.device("cpu")
    if execution.devices == "auto" and gpus:
        return Fleet(torch.device("cuda", 0), here, gpus)
    return Fleet(here, here, max(1, units))


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
    return visible_gpu_names()[device.index] if device.type == "cuda" else None


def check_installed(runner: str) -> None:
    """Raises ConfigError where the package that a cluster needs is not installed."""
    try:
        __import__(CLUSTERS[runner])
    except ImportError as error:
        raise ConfigError(
            f"The runner {runner} needs the package {CLUSTERS[runner]}: pip install 'nst-pipeline[{runner}]', or "
            f"uv sync --extra {runner} in a checkout."
        ) from error


def _cluster_devices(execution: Execution) -> tuple[int, int]:
    """GPUs of the cluster, and workers that its CPUs have room for."""
    assert execution.address is not None
    if execution.runner == "ray":
        from flows.runners import ray

        gpus, cpus = ray.cluster_devices(execution.address)
        return gpus, cpus // threads_of(execution)
    from flows.runners import dask

    return dask.cluster_devices(execution.address)
