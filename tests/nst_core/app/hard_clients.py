"""A bounded server that answers with a few bytes, without anything behind it, and clients that keep it waiting."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from nst_core.app.bounded_server import BoundedServer

HALF = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Half: "
LAST = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
WHOLE = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


async def answer_length(scope: Scope, receive: Receive, send: Send) -> None:
    """An application that answers with the length of the body."""
    if scope["type"] == "http":
        body = await Request(scope, receive).body()
        await PlainTextResponse(f"{len(body)} bytes")(scope, receive, send)


@dataclass
class Door:
    """A server's port, and the open connections of its clients."""

    server: BoundedServer
    port: int
    talks: list[socket.socket] = field(default_factory=list)

    def connect(self, sent: bytes = b"", source: str = "127.0.0.1") -> socket.socket:
        """A connection from an address of this machine, on which something was sent."""
        talk = socket.create_connection(("127.0.0.1", self.port), timeout=30, source_address=(source, 0))
        self.talks.append(talk)
        talk.sendall(sent)
        return talk

    def status(self, source: str = "127.0.0.1") -> int:
        """The status of a whole request; 0 where the server hangs up."""
        try:
            return status_of(read_all(self.connect(LAST, source)))
        except ConnectionError:
            return 0


@contextlib.contextmanager
def serving(app: ASGIApp = answer_length, behind_proxy: bool = False, most: int | None = None) -> Iterator[Door]:
    """The server while it answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        door = Door(BoundedServer(app, behind_proxy, most), listening.getsockname()[1])
        thread = threading.Thread(target=door.server.run, args=([listening],))
        thread.start()
        try:
            while not door.server.started:
                time.sleep(0.01)
            yield door
        finally:
            for talk in door.talks:
                talk.close()
            door.server.should_exit = True
            thread.join()


def read_all(talk: socket.socket) -> bytes:
    """All that the server sends until it hangs up."""
    found = b""
    while more := talk.recv(65536):
        found += more
    return found


def status_of(answer: bytes) -> int:
    """The status of an answer; 0 where there is none."""
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/") else 0
