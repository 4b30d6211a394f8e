"""HTTP answers: JSON in ASCII, errors as a sentence in JSON, and security headers on everything."""

from __future__ import annotations

import json
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.types import Message, Send

from nst_core.app.request_errors import RequestError

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
"""The default headers of every answer."""

PAGE_POLICY = (
    "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; style-src-attr 'unsafe-inline'; "
    "img-src 'self' data: blob:; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
GALLERY_POLICY = (
    "default-src 'none'; img-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; "
    "script-src 'self' 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""The policy for the gallery's pages, which can be opened from disk too and so have no nonce."""


class AsciiJSONResponse(JSONResponse):
    """JSON in ASCII: a name may hold lone surrogates, which UTF-8 cannot encode."""

    def render(self, content: Any) -> bytes:
        return json_text(content).encode("ascii")


def json_text(content: Any) -> str:
    """JSON on one line. Raises ValueError where a number is not finite."""
    return json.dumps(content, allow_nan=False, separators=(",", ":"))


def image_response(data: bytes, media_type: str, cache: str = "private, max-age=3600") -> Response:
    """The bytes of an image file as an answer."""
    return Response(data, media_type=media_type, headers={"Cache-Control": cache})


def with_headers(send: Send, path: str, cookie: str | None = None) -> Send:
    """An ASGI `send` that adds `HEADERS` and a cookie to the answer."""
    added = HEADERS | ({"Content-Security-Policy": GALLERY_POLICY} if path.startswith("/gallery/") else {})
    if path.startswith("/api/"):
        added |= {"Cache-Control": "no-store"}

    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = list(message.get("headers", ()))
            present = {name.lower() for name, _ in headers}
            headers += [pair for pair in _encoded(added) if pair[0] not in present]
            if cookie:
                headers.append((b"set-cookie", cookie.encode()))
            message = {**message, "headers": headers}
        await send(message)

    return send_with_headers


async def send_error(send: Send, error: RequestError) -> None:
    """Answer with an error before the request reaches a route."""
    body = json_text({"error": str(error)}).encode()
    headers = {"content-type": "application/json", "content-length": str(len(body)), **_headers(error)}
    await send({"type": "http.response.start", "status": error.status, "headers": _encoded(headers)})
    await send({"type": "http.response.body", "body": body})


def add_error_handlers(app: FastAPI) -> None:
    """Have every error answered as `{"error": sentence}`."""

    @app.exception_handler(RequestError)
    def request_error(_: Request, error: RequestError) -> Response:
        return AsciiJSONResponse({"error": str(error)}, error.status, _headers(error))

    @app.exception_handler(RequestValidationError)
    def invalid(_: Request, error: RequestValidationError) -> Response:
        return AsciiJSONResponse({"error": "; ".join(map(_sentence, error.errors())) + "."}, 422)

    @app.exception_handler(HTTPException)
    def http_error(_: Request, error: HTTPException) -> Response:
        sentence = "There is nothing here." if error.status_code == 404 else f"{error.detail}."
        return AsciiJSONResponse({"error": sentence}, error.status_code, error.headers)

    @app.exception_handler(Exception)
    def unexpected(_: Request, _error: Exception) -> Response:
        return AsciiJSONResponse(
            {"error": "Something went wrong here that should not: the server's log says what."}, 500
        )


def _headers(error: RequestError) -> dict[str, str]:
    after = {"Retry-After": str(error.retry_after)} if error.retry_after else {}
    return after | dict(error.headers)


def _encoded(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode(), value.encode()) for name, value in headers.items()]


def _sentence(fault: Any) -> str:
    """One of pydantic's faults in words."""
    where = ".".join(str(part) for part in fault["loc"][1:]) or "the request"
    return f"{where}: {fault['msg'].removeprefix('Value error, ')}"
