"""Watchdog of a scheduled flow run: stops it once the `nst serve` that started it is gone."""

from __future__ import annotations

import os
import threading
import time

from flows.signals import stop_requested

SERVING = "NST_SERVE_PID"
"""The environment variable with the process id of `nst serve`, set for its flow runs."""
GRACE = 30.0
"""Seconds that a run has to end by itself once `nst serve` is gone."""


def end_with_server(interval: float = 1.0) -> None:
    """In a flow run under `nst serve`: stop when that process has ended, be it before this run got so far."""
    if (parent := os.environ.get(SERVING)) is not None:
        threading.Thread(target=_watch, args=(int(parent), interval), daemon=True).start()


def _watch(parent: int, interval: float) -> None:
    while os.getppid() == parent:
        time.sleep(interval)
    deadline = time.monotonic() + GRACE
    while time.monotonic() < deadline:
        stop_requested.set()  # again and again: a run that is just starting clears it
        time.sleep(interval)
    os._exit(1)
