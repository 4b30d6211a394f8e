"""Ctrl-C and SIGTERM: asked once, a run ends within one look at the flag; asked twice, at once."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType

from flows.progress import console

stop_requested = threading.Event()
"""Set when the run was asked to stop, or has to; chunks poll it."""

_asked = threading.Event()
"""Set when a person, or the system, has asked."""


@contextlib.contextmanager
def stopping_on_signals() -> Iterator[None]:
    """Within the block, both signals set the flag. Prefect puts its own around a flow: enter this inside."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    if not stop_requested.is_set():
        _asked.clear()
    before = {number: signal.signal(number, _stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def leave_at_once() -> None:
    """End this process without a look back. Workers and server see it go, and go too; the folder stays resumable."""
    console.show_cursor(True)  # a progress bar may have hidden it
    console.print("Left at once: the same command goes on from here.")
    os._exit(130)


def _stop(_number: int, _frame: FrameType | None) -> None:
    if _asked.is_set():
        leave_at_once()
    _asked.set()
    stop_requested.set()
    console.print("Stopping: what is finished is kept. Once more to leave at once.")
