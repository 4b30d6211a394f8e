"""ASGI middleware before every route: access checks, the size of the body, the client's name, response headers."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nst_core.app.access import AccessRules, PasswordCheck, check_host, check_origin, client_address, identify_client
from nst_core.app.request_errors import RequestError, file_too_large
from nst_core.app.responses import send_error, with_headers

UPLOADS = "/api/uploads"

FORM_BYTES = 64 * 1024
"""Bytes that a form may add to the file in it."""

BODY_BYTES = 64 * 1024
"""Bytes of the body of any other request."""


class AccessMiddleware:
    """Passes allowed requests on, with the client's name as `state.client`."""

    def __init__(self, app: ASGIApp, rules: AccessRules) -> None:
        self._app, self._rules = app, rules
        self._password_check = PasswordCheck(rules.password) if rules.password else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers, path = Headers(scope=scope), scope["path"]
        try:
            check_host(headers.get("host", ""), self._rules)
            check_origin(scope["method"], headers)
            if self._password_check:
                await self._password_check.check(headers.get("authorization", ""), client_address(scope, headers))
            if _length(headers) > self._max_bytes(path):
                raise self._too_large(path)
        except RequestError as error:
            await send_error(with_headers(send, path), error)
            return
        client = identify_client(headers)
        scope.setdefault("state", {})["client"] = client.name
        await self._run_bounded(scope, receive, with_headers(send, path, client.cookie))

    async def _run_bounded(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the app with no more of the body than is allowed, whatever the request says of its length."""
        left, started = self._max_bytes(scope["path"]), False

        async def receive_bounded() -> Message:
            nonlocal left
            message = await receive()
            left -= len(message.get("body", b""))
            return message if left >= 0 else {"type": "http.disconnect"}

        async def send_unless_too_large(message: Message) -> None:
            nonlocal started
            if left >= 0 or started:  # else the error below is the answer
                started = True
                await send(message)

        try:
            await self._app(scope, receive_bounded, send_unless_too_large)
        except Exception:
            if left >= 0:
                raise
        if left < 0 and not started:
            await send_error(send, self._too_large(scope["path"]))

    def _max_bytes(self, path: str) -> int:
        return self._rules.upload_bytes + FORM_BYTES if path == UPLOADS else BODY_BYTES

    def _too_large(self, path: str) -> RequestError:
        close = {"Connection": "close"}  # the rest of it is not read
        if path != UPLOADS:
            return RequestError(413, "The request is too large.", headers=close)
        return file_too_large(self._rules.upload_bytes, close)


def _length(headers: Headers) -> int:
    text = headers.get("content-length", "0")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else 0
