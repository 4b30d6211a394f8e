"""Ctrl-C and SIGTERM: after the first a run ends within one look at the stop flag, after the second at once."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType

from flows.progress import console

stop_requested = threading.Event()
"""The stop flag: set when the run has to stop; chunks poll it."""

_signalled = threading.Event()
"""Set after the first signal."""


@contextlib.contextmanager
def stopping_on_signals() -> Iterator[None]:
    """Have both signals set the stop flag within the block. For use inside of flows: they set their own handlers."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    if not stop_requested.is_set():
        _signalled.clear()
    before = {number: signal.signal(number, _stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def leave_at_once() -> None:
    """End this process at once. Workers and server notice and end too; the run can be resumed."""
    console.show_cursor(True)  # a progress bar may have hidden it
    console.print("Left at once: the same command goes on from here.")
    os._exit(130)


def _stop(_number: int, _frame: FrameType | None) -> None:
    if _signalled.is_set():
        leave_at_once()
    _signalled.set()
    stop_requested.set()
    console.print("Stopping: what is finished is kept. Once more to leave at once.")
