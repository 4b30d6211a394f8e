"""Who may ask, and what an answer may do: host, origin, password, the size of a request, headers. Plain ASGI."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
import ipaddress
import json
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SAFE = ("GET", "HEAD", "OPTIONS")
MULTIPART = 64 * 1024
"""What a form may add to the file in it, in bytes."""

JSON_BYTES = 64 * 1024
"""Of any other request's body."""

TRIES, TRIES_SECONDS, WRONG_SECONDS = 10, 60.0, 1.0
"""Wrong passwords that are looked at within so many seconds, and how long the answer to each takes."""

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
GALLERY_POLICY = (
    "default-src 'none'; img-src 'self' data:; style-src 'unsafe-inline'; script-src 'self' 'unsafe-inline'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@dataclass(frozen=True)
class Rules:
    """What is asked of a request.

    Attributes:
        password: None where everybody may.
        local: whether only this machine can ask; then the request must name it, or a page of another host that resolves
            to it could ask through somebody's browser.
        upload_bytes: of an uploaded file.
    """

    password: str | None
    local: bool
    upload_bytes: int


@dataclass
class Guard:
    """Middleware that lets fit requests through."""

    app: ASGIApp
    rules: Rules
    _wrong: deque[float] = field(default_factory=deque)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        send = _with_headers(send, scope["path"])
        refusal = self._foreign(scope["method"], headers) or await self._stranger(headers)
        if refusal is None and _length(headers) > self._most(scope["path"]):
            refusal = self._too_large(scope["path"])
        if refusal is not None:
            await _answer(send, *refusal)
            return
        await self._bounded(scope, receive, send)

    def _foreign(self, method: str, headers: Headers) -> tuple[int, str, dict[str, str]] | None:
        """Pages of other hosts may not use somebody's browser to ask here."""
        host = headers.get("host", "")
        if self.rules.local and not is_local(host):
            return 421, f"This server answers to localhost only, not to {host[:100]}.", {}
        if method in SAFE:
            return None
        origin = headers.get("origin")
        if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            return 403, "This request came from another site's page: use the page of this server.", {}
        if origin is not None and urlsplit(origin).netloc != host:
            return 403, "This request came from another site's page: use the page of this server.", {}
        return None

    async def _stranger(self, headers: Headers) -> tuple[int, str, dict[str, str]] | None:
        if self.rules.password is None:
            return None
        now = time.monotonic()
        while self._wrong and now - self._wrong[0] > TRIES_SECONDS:
            self._wrong.popleft()
        if len(self._wrong) >= TRIES:
            return 429, "Too many wrong passwords: try again in a minute.", {"Retry-After": "60"}
        given = _password(headers.get("authorization", ""))
        if given is not None and hmac.compare_digest(given, self.rules.password.encode()):
            return None
        if given is not None:
            self._wrong.append(now)
            await asyncio.sleep(WRONG_SECONDS)
        return 401, "This page asks for a password.", {"WWW-Authenticate": 'Basic realm="nst app", charset="UTF-8"'}

    def _most(self, path: str) -> int:
        return self.rules.upload_bytes + MULTIPART if path == "/api/uploads" else JSON_BYTES

    def _too_large(self, path: str) -> tuple[int, str, dict[str, str]]:
        what = f"{self.rules.upload_bytes / 1e6:.0f} MB" if path == "/api/uploads" else "what can be asked"
        return 413, f"The file is larger than {what}: choose a smaller one.", {"Connection": "close"}

    async def _bounded(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request through, but no more of its body than is allowed, whatever it said of its length."""
        left, over, begun = self._most(scope["path"]), False, False

        async def counted() -> Message:
            nonlocal left, over
            message = await receive()
            left -= len(message.get("body", b""))
            if left < 0:
                over = True
                return {"type": "http.disconnect"}
            return message

        async def noted(message: Message) -> None:
            nonlocal begun
            if over:  # the refusal is the answer
                return
            begun = True
            await send(message)

        try:
            await self.app(scope, counted, noted)
        except Exception:
            if not over:
                raise
        if over and not begun:
            await _answer(send, *self._too_large(scope["path"]))


def is_local(host: str) -> bool:
    """Whether a Host header names this machine."""
    name = urlsplit(f"//{host}").hostname or ""
    return name == "localhost" or name.endswith(".localhost") or _is_loopback(name)


def is_loopback_address(host: str) -> bool:
    """Whether a server that binds to `host` can be reached from this machine only."""
    return host == "localhost" or _is_loopback(host)


def _is_loopback(name: str) -> bool:
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _length(headers: Headers) -> int:
    text = headers.get("content-length", "0")
    return int(text) if text.isascii() and text.isdigit() else 0


def _password(authorization: str) -> bytes | None:
    """The password of HTTP Basic, whatever the name; None where there is none."""
    scheme, _, code = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        return base64.b64decode(code, validate=True).partition(b":")[2]
    except (binascii.Error, ValueError):
        return None


def _with_headers(send: Send, path: str) -> Send:
    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers[name] = value
            if path.startswith(("/gallery/", "/images/")):
                headers["Content-Security-Policy"] = GALLERY_POLICY
            elif path.startswith("/api/"):
                headers.setdefault("Cache-Control", "no-store")
        await send(message)

    return sent


async def _answer(send: Send, status: int, sentence: str, headers: dict[str, str]) -> None:
    body = json.dumps({"error": sentence}, ensure_ascii=False).encode()
    told: list[tuple[bytes, bytes]] = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
    ]
    told += [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    start: dict[str, Any] = {"type": "http.response.start", "status": status, "headers": told}
    await send(start)
    await send({"type": "http.response.body", "body": body})
