"""What is done about errors."""

from __future__ import annotations

import pickle
import random

import pytest

from nst_core.chunks import retry_policy as policy
from nst_core.chunks.retry_policy import Verdict, delay, verdict
from nst_core.errors import (
    ChunkTimeout,
    DiskFull,
    Interrupted,
    NumericalError,
    StorageRefused,
    StorageUnreachable,
    TransientError,
    WorkerLost,
)

SAYS = {
    OSError(5, "Input/output error"): Verdict.AGAIN,
    RuntimeError("something of torch's"): Verdict.AGAIN,
    TransientError("a server had a fault"): Verdict.AGAIN,
    StorageUnreachable("no answer"): Verdict.AGAIN,
    ChunkTimeout("too slow"): Verdict.AGAIN,
    RuntimeError("CUDA error: an illegal memory access was encountered"): Verdict.FRESH,
    RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"): Verdict.FRESH,
    MemoryError(): Verdict.FRESH,
    WorkerLost("it died", -9): Verdict.ALONE,
    DiskFull("no space left"): Verdict.STOP,
    StorageRefused("the token has expired"): Verdict.STOP,
    Interrupted(): Verdict.STOP,
    KeyboardInterrupt(): Verdict.STOP,
    TypeError("a bug"): Verdict.GIVE_UP,
    NotImplementedError(): Verdict.GIVE_UP,
    NumericalError(): Verdict.GIVE_UP,
}


@pytest.mark.parametrize("error", SAYS, ids=repr)
def test_every_kind_of_error_has_its_verdict(error: BaseException) -> None:
    assert verdict(error) is SAYS[error]


def test_delays_grow_up_to_the_last_and_never_agree() -> None:
    rng = random.Random(0)
    delays = [delay(failures, rng) for failures in range(1, 8)]
    bases = [*policy.DELAYS, policy.DELAYS[-1], policy.DELAYS[-1]]
    assert all(base <= got <= (1 + policy.JITTER) * base for base, got in zip(bases, delays, strict=True))
    assert len({delay(1, rng) for _ in range(100)}) == 100


def test_how_a_worker_died_survives_the_way_between_processes() -> None:
    lost = pickle.loads(pickle.dumps(WorkerLost("it died", -11)))
    assert (str(lost), lost.returncode, lost.exit_code) == ("it died", -11, 1)
