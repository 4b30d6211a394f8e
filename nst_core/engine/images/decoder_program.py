"""The program of a decoder process: requests come over standard input, pictures and errors go to standard output.

A request is a pickled (suffix of the file's name, limits, bytes of the file); an answer ("image", DecodedImage) or
("error", exception).
"""

from __future__ import annotations

import contextlib
import os
import pickle
import queue
import signal
import sys
import threading
from pathlib import Path
from typing import Any

from nst_core.engine.images.limits import ImageLimits
from nst_core.engine.images.pixels import decode_here

IDLE = 60
"""Seconds without a request after which the process ends."""

_GRACE = 10  # seconds that whoever started this process has for killing it, before it ends by itself

Request = tuple[str, ImageLimits, bytes]


def main() -> None:
    """Decode until standard input is closed: then the process ends, even amid a picture."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends Ctrl-C to the whole group
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what a library prints must not come between
    requests = queue.SimpleQueue[Request]()
    threading.Thread(target=_receive, args=(requests,), daemon=True).start()
    while True:
        _end_after(IDLE)
        request = requests.get()
        _end_after(request[1].decode_seconds + _GRACE)
        answer = _answer(*request)
        try:
            pickle.dump(answer, answers, protocol=5)
            answers.flush()
        except OSError:
            os._exit(1)
        del request, answer


def _receive(requests: queue.SimpleQueue[Request]) -> None:
    try:
        while True:
            requests.put(pickle.load(sys.stdin.buffer))
    except BaseException:
        os._exit(0)


def _end_after(seconds: float) -> None:
    """Have the system end this process then, whatever it is in, unless it is asked again before."""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, seconds)


def _answer(suffix: str, limits: ImageLimits, data: bytes) -> tuple[str, Any]:
    try:
        return "image", decode_here(Path(f"picture{suffix}"), limits, data)
    except BaseException as error:
        error.__traceback__ = error.__cause__ = error.__context__ = None
        with contextlib.suppress(Exception):
            if type(pickle.loads(pickle.dumps(error))) is type(error):
                return "error", error
        return "error", RuntimeError(f"{type(error).__name__}: {error}")
