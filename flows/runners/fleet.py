"""The devices that a run's workers will compute on: of this machine, or of a cluster, which is asked for them."""

from __future__ import annotations

import torch

from nst_core.config.devices import Fleet, local_fleet, threads_of
from nst_core.config.run_config import Execution
from nst_core.errors import ConfigError

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
