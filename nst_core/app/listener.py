"""Accepts connections, as far as `Connections` has room for them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable

from nst_core.app.connections import Connections
from nst_core.app.forwarding import address_group

SWEEP_SECONDS = 1.0
"""Time between two looks for connections that have waited too long."""

ACCEPT_PAUSE = 0.5
"""Seconds until the next try where the system has no room for a connection."""

BUSY = (
    b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 5\r\nContent-Type: application/json\r\n"
    b'Content-Length: 63\r\n\r\n{"error": "The server is busy just now: try again in a while."}'
)

log = logging.getLogger("nst.app.listener")


class Listener:
    """The loop that accepts connections of a listening socket and watches over them.

    In place of asyncio's, which on some versions of Python tells of a lack of file descriptors thousands of times a
    second, and cannot refuse a connection.

    Args:
        protocol: makes the protocol of a connection.
    """

    def __init__(
        self, listening: socket.socket, table: Connections, protocol: Callable[[], asyncio.BaseProtocol]
    ) -> None:
        self._listening, self._table, self._protocol = listening, table, protocol
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin, in the running event loop."""
        self._listening.setblocking(False)
        self._tasks = [asyncio.create_task(self._accept()), asyncio.create_task(self._sweep())]

    def stop(self) -> None:
        """Accept no more; the open connections are left as they are."""
        for task in self._tasks:
            task.cancel()

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, peer = await loop.sock_accept(self._listening)
            except ConnectionError:  # the client has gone already
                continue
            except OSError as error:
                log.warning("The system has no room for a connection: %s", error.strerror)
                await asyncio.sleep(0.0 if self._table.abort_one() else ACCEPT_PAUSE)
                continue
            address = address_group(str(peer[0]))
            if self._table.make_room(address):
                try:
                    await loop.connect_accepted_socket(self._protocol, connection)
                except OSError:
                    connection.close()
            else:
                log.warning("Connections are refused, last one of %s: %d are busy", address, len(self._table))
                _refuse(connection)
            await asyncio.sleep(0)  # for the others, however many are at the door

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            self._table.sweep()


def _refuse(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.setblocking(False)
        connection.send(BUSY)
        connection.shutdown(socket.SHUT_WR)
    connection.close()
