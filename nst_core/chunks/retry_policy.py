"""The retry policy: what follows from an error that ends a try of a chunk.

After a transient error the chunk is tried again later, in a fresh process if the old one cannot be trusted. A full disk
or refused credentials stop the run. (Where memory runs out, the engine has already halved its batches, down to single
pairs.) A chunk whose process died is tried alone, in ever smaller parts, until the pair that kills is found. Bad inputs
are not errors of a try: the worker quarantines them and goes on.
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
"""Deaths of a process that works on one batch or pair alone, after which that batch or pair is taken for the cause."""

_DEVICE_FAULTS = ("CUDA error", "CUDA driver error", "CUBLAS_STATUS", "CUDNN_STATUS", "cuDNN error", "CUFFT_", "NCCL")
"""Parts of messages of errors after which a process cannot use its GPU any more."""


class Verdict(Enum):
    """The consequence of a failed try of a chunk."""

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
    """The verdict on an error that ended a try of a chunk."""
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
    """Seconds to wait before the next try, after `failures` (at least one) failed ones."""
    base = DELAYS[min(failures, len(DELAYS)) - 1]
    return base * (1 + JITTER * (rng or random).random())
