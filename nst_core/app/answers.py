"""What every answer has in common: refusals are a sentence in JSON, and no answer may do more than it needs."""

from __future__ import annotations

import json
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.types import Message, Send

from nst_core.app.refusals import Refusal

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
"""Of every answer that does not say otherwise itself."""

PAGE_POLICY = (
    "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; style-src-attr 'unsafe-inline'; "
    "img-src 'self' data: blob:; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
GALLERY_POLICY = (
    "default-src 'none'; img-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; "
    "script-src 'self' 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""The gallery's pages are made to be opened from disk, too, where nobody could give them a nonce."""


class PlainJSON(JSONResponse):
    """JSON in ASCII: a name may hold what UTF-8 cannot say (lone surrogates)."""

    def render(self, content: Any) -> bytes:
        return json_text(content).encode("ascii")


def json_text(content: Any) -> str:
    """JSON on one line. Raises ValueError where a number is not finite."""
    return json.dumps(content, allow_nan=False, separators=(",", ":"))


def picture(data: bytes, kind: str, cache: str = "private, max-age=3600") -> Response:
    """An image as an answer."""
    return Response(data, media_type=kind, headers={"Cache-Control": cache})


def with_headers(send: Send, path: str, cookie: str | None = None) -> Send:
    """An ASGI `send` that adds `HEADERS` and a cookie to the answer."""
    added = HEADERS | ({"Content-Security-Policy": GALLERY_POLICY} if path.startswith("/gallery/") else {})
    if path.startswith("/api/"):
        added |= {"Cache-Control": "no-store"}

    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = list(message.get("headers", ()))
            there = {name.lower() for name, _ in headers}
            headers += [
                (name.lower().encode(), value.encode())
                for name, value in added.items()
                if name.lower().encode() not in there
            ]
            if cookie:
                headers.append((b"set-cookie", cookie.encode()))
            message = {**message, "headers": headers}
        await send(message)

    return sent


async def refuse(send: Send, refusal: Refusal) -> None:
    """Answer with a refusal before any route was asked."""
    body = json_text({"error": str(refusal)}).encode()
    headers = {"content-type": "application/json", "content-length": str(len(body)), **_headers(refusal)}
    told = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": refusal.status, "headers": told})
    await send({"type": "http.response.body", "body": body})


def add_faults(app: FastAPI) -> None:
    """Have every fault told as `{"error": sentence}`."""

    @app.exception_handler(Refusal)
    def refused(_: Request, error: Refusal) -> Response:
        return PlainJSON({"error": str(error)}, error.status, _headers(error))

    @app.exception_handler(RequestValidationError)
    def invalid(_: Request, error: RequestValidationError) -> Response:
        return PlainJSON({"error": "; ".join(map(_sentence, error.errors())) + "."}, 422)

    @app.exception_handler(HTTPException)
    def failed(_: Request, error: HTTPException) -> Response:
        sentence = "There is nothing here." if error.status_code == 404 else f"{error.detail}."
        return PlainJSON({"error": sentence}, error.status_code, error.headers)

    @app.exception_handler(Exception)
    def broken(_: Request, _error: Exception) -> Response:
        return PlainJSON({"error": "Something went wrong here that should not: the server's log says what."}, 500)


def _headers(refusal: Refusal) -> dict[str, str]:
    after = {"Retry-After": str(refusal.retry_after)} if refusal.retry_after else {}
    return after | dict(refusal.headers)


def _sentence(fault: Any) -> str:
    """What pydantic finds wrong with one value."""
    where = ".".join(str(part) for part in fault["loc"][1:]) or "the request"
    return f"{where}: {fault['msg'].removeprefix('Value error, ')}"
