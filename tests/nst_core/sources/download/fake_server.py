"""A server on this machine that has files, knows Range, and can be told to fail; it can play Kaggle, too."""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

KAGGLE = "/api/v1/datasets.DatasetApiService/DownloadDataset"
TOKEN_CHECK = "/api/v1/security.OAuthService/IntrospectToken"
SIGNATURE = "signature=0123secret4567"


@dataclass(frozen=True)
class Fault:
    """How one answer goes wrong.

    Attributes:
        status, headers: instead of the file's own.
        cut: bytes after which the connection ends.
        pause: seconds between two pieces of the answer.
        whole: answer a request for a part with the whole file.
        shift: answer a request for a part with one that begins so many bytes later.
    """

    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None
    pause: float = 0.0
    whole: bool = False
    shift: int = 0


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    headers: dict[str, str]

    @property
    def range(self) -> str | None:
        return self.headers.get("Range")


class Server(ThreadingHTTPServer):
    """What it has, how it fails (each fault once, in order; `always` for ever), and what it was asked for."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files: dict[str, bytes] = {}
        self.faults: dict[str, list[Fault]] = {}
        self.always: dict[str, Fault] = {}
        self.requests: list[Request] = []
        self.datasets: dict[str, str] = {}
        self.sent = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def asked(self, path: str) -> list[Request]:
        return [request for request in self.requests if request.path == path]

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that go away are what is tested."""


@contextlib.contextmanager
def serving() -> Iterator[Server]:
    server = Server()
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""

    def do_GET(self) -> None:
        path, fault = self._asked()
        data = self.server.files.get(path)
        if fault.status is not None or data is None:
            self._answer(fault.status or 404, b"<html>not the file</html>", fault.headers)
            return
        etag = f'"{hashlib.md5(data).hexdigest()}"'
        headers = {"ETag": etag, "Accept-Ranges": "bytes"} | fault.headers
        wanted = self.headers.get("Range")
        if not wanted or fault.whole or self.headers.get("If-Range", etag) != etag:
            self._answer(200, data, headers, fault)
            return
        first = int(wanted.removeprefix("bytes=").rstrip("-")) + fault.shift
        if first >= len(data):
            self._answer(416, b"", {"Content-Range": f"bytes */{len(data)}"})
            return
        headers["Content-Range"] = f"bytes {first}-{len(data) - 1}/{len(data)}"
        self._answer(206, data[first:], headers, fault)

    def do_POST(self) -> None:
        path, fault = self._asked()
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}")
        if fault.status is not None:
            self._answer(fault.status, b"{}", fault.headers)
        elif path == TOKEN_CHECK:
            self._answer(200, b'{"active": true, "username": "somebody"}', {"Content-Type": "application/json"})
        elif path == KAGGLE and (name := f"{body.get('ownerSlug')}/{body.get('datasetSlug')}") in self.server.datasets:
            place = f"http://storage.test{self.server.datasets[name]}?{SIGNATURE}"
            self._answer(302, b"", {"Location": place})
        else:
            self._answer(404, b"{}")

    def _asked(self) -> tuple[str, Fault]:
        """The path (a proxy is asked for whole addresses), and what is to go wrong this time."""
        path = urlsplit(self.path).path
        self.server.requests.append(Request(self.command, path, dict(self.headers)))
        faults = self.server.faults.get(path)
        return path, faults.pop(0) if faults else self.server.always.get(path, Fault())

    def _answer(self, status: int, body: bytes, headers: dict[str, str] | None = None, fault: Fault = Fault()) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        step = max(1, len(body) // 50) if fault.pause else len(body) or 1
        body = body[: fault.cut]
        for start in range(0, len(body), step):
            self.wfile.write(body[start : start + step])
            self.wfile.flush()
            self.server.sent += step
            time.sleep(fault.pause)
        self.close_connection = fault.cut is not None
