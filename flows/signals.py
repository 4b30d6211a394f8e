"""Ctrl-C and SIGTERM: after the first a run ends within one look at the stop flag, after the second at once.

Whatever its threads are doing, a command ends within seconds of SIGTERM, or of a second Ctrl-C: a thread of its own,
which the system's signals reach also while the main thread is in compiled code, ends the process then.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from types import FrameType

stop_requested = threading.Event()
"""The stop flag: set when the run has to stop; chunks poll it."""

_signalled = threading.Event()
"""Set after the first signal."""


TERMINATION_SECONDS = 4.0
"""Time that a command has to end in good order after SIGTERM, or a second signal."""


def watch_signals() -> None:
    """Have the process end, with the exit code of an interruption, should it not do so itself when it is told to."""
    receiver, sender = socket.socketpair()
    sender.setblocking(False)
    signal.set_wakeup_fd(sender.fileno(), warn_on_full_buffer=False)
    threading.Thread(target=_watch, args=(receiver, sender), name="signals", daemon=True).start()


def _watch(receiver: socket.socket, _sender: socket.socket) -> None:
    interruptions = 0
    while numbers := receiver.recv(16):
        interruptions += sum(number == signal.SIGINT for number in numbers)
        if signal.SIGTERM in numbers or interruptions > 1:
            leave_later()
            return


def interrupt(_number: int, _frame: FrameType | None) -> None:
    """Outside a flow: leave through every `finally`, or a temporary server would stay behind; then at once."""
    if _signalled.is_set():
        leave_at_once()
    _signalled.set()
    raise KeyboardInterrupt


def leave_later(say: bool = True) -> None:
    """End this process in `TERMINATION_SECONDS`, unless it has ended by then."""
    timer = threading.Timer(TERMINATION_SECONDS, leave_at_once, (say,))
    timer.daemon = True
    timer.start()


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


def leave_at_once(say: bool = True) -> None:
    """End this process at once. Workers and server notice and end too; the run can be resumed."""
    if say:
        # Not by the console: another thread may hold its lock, or nobody read what it writes. A progress bar may have
        # hidden the cursor.
        show_cursor = "\x1b[?25h" if sys.stderr.isatty() else ""
        with contextlib.suppress(OSError, ValueError):
            os.set_blocking(2, False)
            os.write(2, f"{show_cursor}Left at once: the same command goes on from here.\n".encode())
    os._exit(130)


def _stop(_number: int, _frame: FrameType | None) -> None:
    if _signalled.is_set():
        leave_at_once()
    _signalled.set()
    stop_requested.set()
    from flows.progress import console  # which is loaded; the command line needs this module without it

    console.print("Stopping: what is finished is kept. Once more to leave at once.")
