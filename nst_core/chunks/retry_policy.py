"""What is done about an error while chunks are made: the one place that decides it.

Transient errors are tried again after a while, on a fresh process if the one they came from cannot be trusted. What has
run out stops the run (a disk, or the credentials for a store) or was made smaller already (memory: the engine halves
batches, down to single pairs). A chunk whose process died is tried again alone, in ever smaller parts, until the pair
that kills is found. Bad inputs never get here: the worker quarantines them, and the rest of their chunk goes on.
"""

from __future__ import annotations

import random
from enum import Enum

from nst_core.errors import DiskFull, Interrupted, NoWorkers, NstError, StorageRefused, TransientError, WorkerLost

DELAYS = (2.0, 10.0, 30.0, 60.0, 120.0)
"""Seconds before each further try of a chunk; the last one holds for all that follow."""

JITTER = 0.5
"""How much longer a delay may be, as a share of it: chunks that failed together do not come back together."""

DEATHS = 2
"""How often a batch, or a pair, has to kill a process that works on nothing else before it is held guilty."""

_DEVICE_FAULTS = ("CUDA error", "CUDA driver error", "CUBLAS_STATUS", "CUDNN_STATUS", "cuDNN error", "CUFFT_", "NCCL")
"""What errors say after which a process cannot use its GPU any more."""


class Verdict(Enum):
    """What to do with a chunk that could not be finished."""

    AGAIN = "again"
    """It may pass: try again after a while."""
    FRESH = "fresh"
    """It may pass, but not in that process: try again in a new one."""
    ALONE = "alone"
    """Its process died: try again in a process that does nothing else."""
    STOP = "stop"
    """The run ends at once; what is finished is kept."""
    GIVE_UP = "give up"
    """Trying again would give the same: a bug, or something that a person has to mend."""


def verdict(error: BaseException) -> Verdict:
    """What an error that ended a try of a chunk means."""
    if isinstance(error, DiskFull | NoWorkers | StorageRefused | Interrupted) or not isinstance(error, Exception):
        return Verdict.STOP
    if isinstance(error, WorkerLost):
        return Verdict.ALONE
    if isinstance(error, TransientError):
        return Verdict.AGAIN
    if isinstance(error, MemoryError) or any(sign in str(error) for sign in _DEVICE_FAULTS):
        return Verdict.FRESH
    if isinstance(error, OSError | RuntimeError) and not isinstance(error, NstError | NotImplementedError):
        return Verdict.AGAIN
    return Verdict.GIVE_UP


def delay(failures: int, rng: random.Random | None = None) -> float:
    """Seconds to wait before the next try, after so many failed ones (at least one)."""
    base = DELAYS[min(failures, len(DELAYS)) - 1]
    return base * (1 + JITTER * (rng or random).random())
