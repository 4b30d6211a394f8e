"""Chunks as Prefect's tasks. Prefect shows what happens and is asked nothing: should it fail, the work goes on."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.utilities.annotations import quote

from flows.progress import console
from nst_core.chunks.work import ChunkReport

Call = Callable[[], ChunkReport]
TAG = "nst"

SILENCE = 300.0
"""Seconds for which a Prefect that did not answer is left alone: each vain attempt takes its client a minute."""


@task(
    name="stylize chunk",
    task_run_name="stylize {chunk_id}, attempt {attempt}",
    tags=[TAG],
    cache_policy=NO_CACHE,
    persist_result=False,
)
def stylize_task(chunk_id: str, attempt: int, call: Call) -> dict[str, int]:
    """Have one chunk made; returns how many of its pairs came to which status."""
    return dict(call().statuses)


class PrefectHands:
    """Runs calls as task runs of the flow around it; as plain threads those that Prefect could not run."""

    def __init__(self, size: int) -> None:
        self._spare = ThreadPoolExecutor(size, "stylize")
        self._silent_until = -math.inf

    def __call__(self, chunk_id: str, attempt: int, call: Call) -> None:
        once = _Once(call)
        if time.monotonic() < self._silent_until:
            self._spare.submit(once)
            return
        try:
            future = stylize_task.submit(chunk_id, attempt, cast(Call, quote(once)))
        except Exception as error:  # whatever Prefect's client raises where its server is gone
            self._run_here(once, error)
        else:
            future.add_done_callback(lambda _: self._run_here(once, None))

    def _run_here(self, once: _Once, error: Exception | None) -> None:
        """Run a call that has not been run."""
        if once.begun:
            return
        if time.monotonic() >= self._silent_until:
            self._silent_until = time.monotonic() + SILENCE
            said = f" ({error})" if error else ""
            console.print(f"Prefect does not answer{said}: going on without it.", markup=False, soft_wrap=True)
        self._spare.submit(once)


class _Once:
    """A call that is made at most once, whoever comes first."""

    def __init__(self, call: Call) -> None:
        self._call, self._lock = call, threading.Lock()
        self.begun = False

    def __call__(self) -> Any:
        with self._lock:
            if self.begun:
                raise RuntimeError("This try of the chunk has been made already.")
            self.begun = True
        return self._call()
