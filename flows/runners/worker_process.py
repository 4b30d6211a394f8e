"""The program of a worker process, run as a module: `worker_process FD`, where FD is its end of a socket.

Over the socket come the `Work` of the run, then one `ChunkTry` after the other (pickled), and `STOP`; back go progress,
reports and errors. When the other end is closed, even by SIGKILL, the process ends.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import queue
import signal
import sys
import threading
from multiprocessing.connection import Connection

STOP = b"stop"


def main(descriptor: int) -> None:
    """Stylize chunks until the other end is closed."""
    stop, tries = threading.Event(), queue.SimpleQueue[bytes]()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends Ctrl-C to the whole group; the run sends STOP
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    connection = Connection(descriptor)
    threading.Thread(target=_listen, args=(connection, tries, stop), daemon=True).start()
    from flows.runners.base import run_here

    work = pickle.loads(tries.get())
    connection.send(("ready", os.getpid()))
    while True:
        chunk_try = pickle.loads(tries.get())
        try:
            report = run_here(chunk_try, work, lambda count: connection.send(("progress", count)), stop.is_set)
        except BaseException as error:
            connection.send(("error", sendable(error)))
        else:
            connection.send(("report", report))


def sendable(error: BaseException) -> BaseException:
    """The error, or one of a built-in class with its text where it cannot be pickled."""
    error.__traceback__ = error.__cause__ = error.__context__ = None
    with contextlib.suppress(Exception):
        if type(pickle.loads(pickle.dumps(error))) is type(error):
            return error
    text = f"{type(error).__name__}: {error}"
    return RuntimeError(text) if isinstance(error, RuntimeError) else Exception(text)


def _listen(connection: Connection, tries: queue.SimpleQueue[bytes], stop: threading.Event) -> None:
    """Receive tries and STOP. Unpickles nothing: that imports modules, which two threads must not do at once."""
    while True:
        try:
            message = connection.recv_bytes()
        except (EOFError, OSError):
            os._exit(1)
        if message == STOP:
            stop.set()
        else:
            tries.put(message)


if __name__ == "__main__":
    try:
        main(int(sys.argv[1]))
    except (BrokenPipeError, ConnectionResetError):  # the run is gone
        os._exit(1)
