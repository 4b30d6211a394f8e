"""A worker as a process of its own. Run as a module: `worker_process FD`, where FD is its end of a socket.

Over the socket come the `Work` of the run, then one `Order` after the other (pickled), and `STOP`; back go progress,
reports and errors. Where the other end is gone, even by SIGKILL, nobody wants the work any more: the process ends.
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
    """Work until the other end hangs up."""
    stop, orders = threading.Event(), queue.SimpleQueue[bytes]()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends Ctrl-C to the whole group; the run tells us
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    connection = Connection(descriptor)
    threading.Thread(target=_listen, args=(connection, orders, stop), daemon=True).start()
    from flows.runners.base import make_here

    work = pickle.loads(orders.get())
    connection.send(("ready", os.getpid()))
    while True:
        order = pickle.loads(orders.get())
        try:
            report = make_here(order, work, lambda count: connection.send(("progress", count)), stop.is_set)
        except BaseException as error:
            connection.send(("error", sendable(error)))
        else:
            connection.send(("report", report))


def sendable(error: BaseException) -> BaseException:
    """The error, or one that says the same, if it does not survive the journey."""
    error.__traceback__ = error.__cause__ = error.__context__ = None
    with contextlib.suppress(Exception):
        if type(pickle.loads(pickle.dumps(error))) is type(error):
            return error
    said = f"{type(error).__name__}: {error}"
    return RuntimeError(said) if isinstance(error, RuntimeError) else Exception(said)


def _listen(connection: Connection, orders: queue.SimpleQueue[bytes], stop: threading.Event) -> None:
    """Unpickles nothing: that imports modules, which two threads must not do at once."""
    while True:
        try:
            message = connection.recv_bytes()
        except (EOFError, OSError):
            os._exit(1)
        if message == STOP:
            stop.set()
        else:
            orders.put(message)


if __name__ == "__main__":
    try:
        main(int(sys.argv[1]))
    except (BrokenPipeError, ConnectionResetError):  # the run is gone
        os._exit(1)
