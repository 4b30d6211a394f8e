"""Tries of chunks as task runs of Prefect, which only shows them: should it fail, the work goes on."""

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

PAUSE = 300.0
"""Seconds without a call of Prefect after it did not answer: each vain attempt takes its client a minute."""


@task(
    name="stylize chunk",
    task_run_name="stylize {chunk_id}, attempt {attempt}",
    tags=[TAG],
    cache_policy=NO_CACHE,
    persist_result=False,
)
def stylize_task(chunk_id: str, attempt: int, call: Call) -> dict[str, int]:
    """Stylize one chunk; returns the number of its pairs by status."""
    return dict(call().statuses)


class PrefectTasks:
    """Runs calls as task runs of the flow around it; in plain threads those that Prefect could not run."""

    def __init__(self, size: int) -> None:
        self._pool = ThreadPoolExecutor(size, "stylize")
        self._paused_until = -math.inf

    def __call__(self, chunk_id: str, attempt: int, call: Call) -> None:
        once = _CallOnce(call)
        if time.monotonic() < self._paused_until:
            self._pool.submit(once)
            return
        try:
            future = stylize_task.submit(chunk_id, attempt, cast(Call, quote(once)))
        except Exception as error:  # whatever Prefect's client raises where its server is gone
            self._run_here(once, error)
        else:
            future.add_done_callback(lambda _: self._run_here(once, None))

    def _run_here(self, once: _CallOnce, error: Exception | None) -> None:
        """Run a call in this process, unless it has begun."""
        if once.begun:
            return
        if time.monotonic() >= self._paused_until:
            self._paused_until = time.monotonic() + PAUSE
            reason = f" ({error})" if error else ""
            console.print(f"Prefect does not answer{reason}: going on without it.", markup=False, soft_wrap=True)
        self._pool.submit(once)


class _CallOnce:
    """A call that is made at most once, by whichever thread comes first."""

    def __init__(self, call: Call) -> None:
        self._call, self._lock = call, threading.Lock()
        self.begun = False

    def __call__(self) -> Any:
        with self._lock:
            if self.begun:
                raise RuntimeError("This try of the chunk has already begun.")
            self.begun = True
        return self._call()
