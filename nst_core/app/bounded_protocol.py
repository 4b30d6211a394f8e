"""HTTP/1.1 on one connection: uvicorn's protocol, which tells `Connections` what the connection waits for."""

from __future__ import annotations

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from nst_core.app.connections import Connections
from nst_core.app.forwarding import address_group

TOO_SLOW = (
    b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: 41\r\n\r\n"
    b'{"error": "The request came too slowly."}'
)


class BoundedProtocol(H11Protocol):
    """A connection that `Connections` can close.

    uvicorn limits the time between two requests only, and that until the first byte of the next one.
    """

    def __init__(self, table: Connections, **options: Any) -> None:
        super().__init__(**options)
        self._table, self.address = table, ""
        self.waiting_since: float | None = None
        self.stalled_since: float | None = None
        self.closing_since: float | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.address = address_group(str((transport.get_extra_info("peername") or ("",))[0]))
        self.waiting_since = self._table.clock()
        self._table.add(self)
        super().connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._table.remove(self)
        super().connection_lost(exc)

    def handle_events(self) -> None:
        super().handle_events()
        if self.cycle is not None and not self.cycle.response_complete:
            self.waiting_since = None

    def on_response_complete(self) -> None:
        self.waiting_since = self._table.clock()
        super().on_response_complete()

    def pause_writing(self) -> None:
        self.stalled_since = self._table.clock()
        super().pause_writing()

    def resume_writing(self) -> None:
        self.stalled_since = None
        super().resume_writing()

    def has_unsent(self) -> bool:
        """Whether a part of an answer has not been sent."""
        return self.transport.get_write_buffer_size() > 0

    def is_closing(self) -> bool:
        """Whether this side has closed the connection, and at most waits for the rest to be sent."""
        return self.transport.is_closing()

    def end_waiting(self) -> None:
        """Close a connection on which no request came, or half of one, which is answered."""
        between = self.conn.our_state is h11.IDLE and self.conn.their_state is h11.IDLE
        if between and self.conn.trailing_data[0]:
            self.transport.write(TOO_SLOW)
        self.transport.close()

    def abort(self) -> None:
        """Close the connection at once."""
        self.transport.abort()
