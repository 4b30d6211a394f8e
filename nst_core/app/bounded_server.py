"""A uvicorn server that bounds its connections: their number, that of each address, and how long nothing may come."""

from __future__ import annotations

import socket

import uvicorn
from starlette.types import ASGIApp

from nst_core.app.bounded_protocol import BoundedProtocol
from nst_core.app.connections import Connections, connections_per_address, connections_within
from nst_core.app.listener import Listener
from nst_core.app.log_repetitions import filter_repetitions

MAX_CONNECTIONS = 1000
"""Connections at a time, fewer where the system allows few; each client that follows a job has one open."""

GRACE_SECONDS = 3
"""Time for requests to end when the server is stopped."""


class BoundedServer(uvicorn.Server):
    """Serves an ASGI application over HTTP/1.1 on given sockets.

    Args:
        behind_proxy: whether all connections come from a proxy, so that an address may have all of them.
        most: connections at a time; None for `MAX_CONNECTIONS`, or as many as there are file descriptors for.
    """

    def __init__(self, app: ASGIApp, behind_proxy: bool = False, most: int | None = None) -> None:
        most = connections_within(MAX_CONNECTIONS) if most is None else most
        self.table = Connections(most, None if behind_proxy else connections_per_address(most))
        self._listeners: list[Listener] = []
        filter_repetitions()
        super().__init__(
            uvicorn.Config(
                app,
                loop="asyncio",
                http=BoundedProtocol,
                ws="none",
                log_level="warning",
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_graceful_shutdown=GRACE_SECONDS,
            )
        )

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=[])
        self._listeners = [Listener(listening, self.table, self._protocol) for listening in sockets or ()]
        for listener in self._listeners:
            listener.start()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for listener in self._listeners:
            listener.stop()
        await super().shutdown(sockets)

    def _protocol(self) -> BoundedProtocol:
        return BoundedProtocol(
            self.table, config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
