"""ASGI middleware before every route: access checks, the size of the body, the client's name, response headers."""

from __future__ import annotations

import logging

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nst_core.app.access import AccessRules, PasswordCheck, check_host, check_origin, identify_client
from nst_core.app.address_slots import AddressSlots
from nst_core.app.forwarding import RequestSource
from nst_core.app.request_body import BoundedBody
from nst_core.app.request_errors import RequestError, file_too_large
from nst_core.app.responses import send_error, with_headers

UPLOADS = "/api/uploads"

FORM_BYTES = 64 * 1024
"""Bytes that a form may add to the file in it."""

BODY_BYTES = 64 * 1024
"""Bytes of the body of any other request."""

REQUESTS, REQUESTS_PER_ADDRESS = 1000, 200
"""Requests at a time; those of one address, which the bound on connections does not tell apart behind a proxy."""

IGNORED_PROXY = (
    "A request says that it came through a proxy: if that is yours, give --proxies 1, or all people count as one"
)

log = logging.getLogger("nst.app.middleware")


class AccessMiddleware:
    """Passes allowed requests on, with their `Client` as `state.client`."""

    def __init__(self, app: ASGIApp, rules: AccessRules) -> None:
        self._app, self._rules = app, rules
        self._password_check = PasswordCheck(rules.password) if rules.password else None
        self._slots = AddressSlots(REQUESTS, REQUESTS_PER_ADDRESS, "The server is busy just now: try again in a while.")
        self._told = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers, path = Headers(scope=scope), scope["path"]
        source = self._source(scope, headers)
        try:
            with self._slots.slot(source.address):
                await self._check(scope, headers, source)
                client = identify_client(headers, source)
                scope.setdefault("state", {})["client"] = client
                await self._run_bounded(scope, receive, with_headers(send, path, client.cookie))
        except RequestError as error:
            await send_error(with_headers(send, path), error)

    def _source(self, scope: Scope, headers: Headers) -> RequestSource:
        if not self._told and self._rules.forwarding.is_ignored(headers):
            self._told = True
            log.warning(IGNORED_PROXY)
        return self._rules.forwarding.source(scope, headers)

    async def _check(self, scope: Scope, headers: Headers, source: RequestSource) -> None:
        """Raise RequestError where the request is not allowed."""
        path = scope["path"]
        for host in (headers.get("host", ""), source.host):
            if host is not None:
                check_host(host, self._rules)
        check_origin(scope["method"], headers, source)
        if self._password_check:
            await self._password_check.check(headers.get("authorization", ""), source.address)
        if _length(headers) > self._max_bytes(path):
            raise self._too_large(path)

    async def _run_bounded(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the app with no more of the body than is allowed, whatever the request says of its length."""
        path, started = scope["path"], False
        body = BoundedBody(receive, self._max_bytes(path), self._too_large(path))

        async def send_unless_faulty(message: Message) -> None:
            nonlocal started
            if not body.fault or started:  # else the fault is the answer
                started = True
                await send(message)

        try:
            await self._app(scope, body, send_unless_faulty)
        except ClientDisconnect:  # in the middle of a body
            if not body.fault:
                return
        except Exception:
            if not body.fault:
                raise
        if body.fault and not started:
            await send_error(send, body.fault)

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
