"""Claims on a node's GPUs where the cluster assigns none: a lock per GPU, held until its last process ends.

The lock is the kernel's (flock) on a descriptor that worker processes inherit: `filelock` would unlock it for all of
them as soon as one process releases it.
"""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from nst_core.errors import ConfigError
from nst_core.storage.machine import cache_folder


@dataclass(frozen=True)
class Claim:
    """A GPU that this process, and every process that inherits the descriptor, has for itself.

    Attributes:
        name: as CUDA_VISIBLE_DEVICES names it.
        descriptor: of the locked file `gpu-<host>-<name>.lock` in nst's cache folder.
    """

    name: str
    descriptor: int

    def release(self) -> None:
        """Close the descriptor in this process; the GPU is free when every process that inherited it has ended."""
        os.close(self.descriptor)


def claim_gpu(names: Sequence[str] | None = None) -> Claim:
    """Claim the first of the GPUs `names` (by default all visible ones) that no other worker of this node has claimed.

    Raises:
        ConfigError: the node has no GPU, or all are claimed.
    """
    names = visible_gpu_names() if names is None else names
    for name in names:
        descriptor = os.open(_file(name), os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            continue
        return Claim(name, descriptor)
    host = socket.gethostname()
    if not names:
        raise ConfigError(f"The node {host} has no GPU that its worker could use: start workers on GPU nodes only.")
    raise ConfigError(f"All {len(names)} GPUs of the node {host} are taken: start one worker per GPU.")


def visible_gpu_names() -> list[str]:
    """The GPUs that this process sees: the entries of CUDA_VISIBLE_DEVICES where it is set, else indices."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        return [name.strip() for name in named.split(",") if name.strip()]
    return [str(index) for index in range(torch.cuda.device_count() if torch.cuda.is_available() else 0)]


def _file(name: str) -> Path:
    folder = cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"gpu-{socket.gethostname()}-{name.replace('/', '_')}.lock"
