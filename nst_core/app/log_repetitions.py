"""A filter for loggers: what a stranger can have logged at will is logged once a minute."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

INTERVAL = 60.0
"""Seconds for which a message is not logged again."""

MAX_KINDS = 1000
"""Kinds of messages that are remembered."""


class RepetitionFilter(logging.Filter):
    """Lets a message through once in `INTERVAL`, whatever its arguments, then with the number of those left out.

    Messages with an exception count as the same where its type and the place where it was raised are the same.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock, self._lock = clock, threading.Lock()
        self._seen: dict[object, tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        now, kind = self._clock(), (record.name, record.levelno, record.msg, *_place(record))
        with self._lock:
            last, left_out = self._seen.get(kind, (float("-inf"), 0))
            if now - last < INTERVAL:
                self._seen[kind] = (last, left_out + 1)
                return False
            if len(self._seen) >= MAX_KINDS:
                self._seen.clear()
            self._seen[kind] = (now, 0)
        if left_out:
            record.msg, record.args = f"{record.getMessage().rstrip()} ({left_out} times more since the last line)", ()
        return True


def _place(record: logging.LogRecord) -> tuple[object, ...]:
    error = record.exc_info[1] if record.exc_info else None
    trace = error.__traceback__ if error else None
    while trace and trace.tb_next:
        trace = trace.tb_next
    return (type(error), trace and (trace.tb_frame.f_code.co_filename, trace.tb_lineno))


REPETITIONS = RepetitionFilter()
"""The filter of this process."""

LOGGERS = ("uvicorn.error", "asyncio", "nst.app.listener", "nst.app.middleware")
"""The loggers of messages that requests cause."""


def filter_repetitions() -> None:
    """Have the loggers of messages that requests cause pass each kind of message once in a while."""
    for name in LOGGERS:
        logging.getLogger(name).addFilter(REPETITIONS)
