"""An HTTP server of a test's own: routes by pattern, a state with a lock, requests noted, faults on demand."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Answer:
    """What is answered; status 0: the connection breaks off."""

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


class Refusal(Exception):
    """An error that is answered; `code`: its name for programs, of the Hub."""

    def __init__(self, status: int, message: str, code: str = "") -> None:
        super().__init__(message)
        self.status, self.message, self.code = status, message, code


@dataclass
class Service:
    """The state of a server.

    Attributes:
        requests: method and path of each, in order.
        fault: called with method and path before each request; an answer that it returns is given instead.
    """

    address: str = ""
    requests: list[tuple[str, str]] = field(default_factory=list)
    fault: Callable[[str, str], Answer | None] = lambda method, path: None
    lock: threading.RLock = field(default_factory=threading.RLock)

    def check_token(self, token: str | None) -> None:
        """Raise Refusal of a token that is unknown here."""


Route = Callable[..., Answer]
"""Called with the service, the token, the query, the body and the named groups of the pattern."""


class Routes:
    """What answers which method and path."""

    def __init__(self, **names: str) -> None:
        """`names`: patterns by the words that stand for them in paths."""
        self._names = names
        self._routes: list[tuple[str, re.Pattern[str], Route]] = []

    def __call__(self, method: str, pattern: str) -> Callable[[Route], Route]:
        def register(function: Route) -> Route:
            filled = pattern
            for name, part in self._names.items():
                filled = filled.replace(name, part)
            self._routes.append((method, re.compile(filled), function))
            return function

        return register

    def answer(self, service: Service, method: str, path: str, token: str | None, query: Any, body: bytes) -> Answer:
        try:
            service.check_token(token)
            for known, pattern, function in self._routes:
                if re.fullmatch(known, method) and (match := pattern.fullmatch(path)):
                    return function(service, token, query, body, **match.groupdict())
            raise Refusal(404, f"the stand-in knows no {method} {path}")
        except Refusal as refusal:
            headers = {"X-Error-Message": refusal.message}
            headers |= {"X-Error-Code": refusal.code} if refusal.code else {}
            return Answer(refusal.status, {"error": refusal.message}, headers)


@contextmanager
def running(service: Service, routes: Routes) -> Iterator[None]:
    """Let it answer at `service.address`."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(service, routes))
    server.daemon_threads = True
    service.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


def _handler(service: Service, routes: Routes) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1  # an answer goes out in one piece

        def log_message(self, format: str, *args: Any) -> None:
            pass

        def _answer(self) -> None:
            body = self._body()
            parts = urlsplit(self.path)
            service.requests.append((self.command, parts.path))
            answer = service.fault(self.command, parts.path)
            if answer is not None and answer.status == 0:  # break off
                self.close_connection = True
                self.connection.close()
                return
            token = self.headers.get("Authorization", "").removeprefix("Bearer ") or None
            with service.lock:
                self._reply(
                    answer or routes.answer(service, self.command, parts.path, token, parse_qs(parts.query), body)
                )

        do_GET = do_HEAD = do_POST = do_PUT = _answer

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding") != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length") or 0))
            data = b""
            while size := int(self.rfile.readline().strip() or b"0", 16):
                data += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return data

        def _reply(self, answer: Answer) -> None:
            data = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
            status, headers = answer.status, dict(answer.headers)
            span = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
            if span and status == 200 and isinstance(answer.body, bytes):
                first, last = int(span[1]), min(int(span[2] or len(data)), len(data) - 1)
                headers["Content-Range"] = f"bytes {first}-{last}/{len(data)}"
                data, status = data[first : last + 1], 206
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", **headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data)
            self.wfile.flush()

    return Handler
