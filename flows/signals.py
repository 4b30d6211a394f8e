"""Ctrl-C and SIGTERM: asked once, a run ends within one look at the flag; asked twice, at once."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

from flows.progress import console

stop_requested = threading.Event()
"""Set when the run was asked to stop; chunks poll it."""


@contextlib.contextmanager
def stopping_on_signals() -> Iterator[None]:
    """Within the block, both signals set the flag. Prefect puts its own around a flow: enter this inside."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, _stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _stop(_number: int, _frame: FrameType | None) -> None:
    if stop_requested.is_set():
        raise KeyboardInterrupt
    stop_requested.set()
    console.print("Stopping: what is finished is kept. Once more to leave at once.")
