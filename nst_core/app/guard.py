"""What stands before every route: who may ask, how much they may send, and what the answer may do. Plain ASGI."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nst_core.app.answers import refuse, with_headers
from nst_core.app.refusals import Refusal
from nst_core.app.visitors import Passwords, Rules, address_of, check_host, check_origin, person_of

UPLOADS = "/api/uploads"
FORM_BYTES = 64 * 1024
"""What a form may add to the file in it."""

BODY_BYTES = 64 * 1024
"""Of any other request."""


class Guard:
    """Middleware that lets fit requests through, with `state.person` as who asks."""

    def __init__(self, app: ASGIApp, rules: Rules) -> None:
        self._app, self._rules = app, rules
        self._passwords = Passwords(rules.password) if rules.password else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers, bare = Headers(scope=scope), with_headers(send, scope["path"])
        try:
            check_host(headers.get("host", ""), self._rules)
            check_origin(scope["method"], headers)
            if self._passwords:
                await self._passwords.check(headers.get("authorization", ""), address_of(scope, headers))
            if _length(headers) > self._most(scope["path"]):
                raise self._too_large(scope["path"])
        except Refusal as refusal:
            await refuse(bare, refusal)
            return
        person = person_of(headers)
        scope.setdefault("state", {})["person"] = person.name
        await self._bounded(scope, receive, with_headers(send, scope["path"], person.cookie))

    async def _bounded(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, but no more of its body than it may have, whatever it said of its length."""
        left, begun = self._most(scope["path"]), False

        async def counted() -> Message:
            nonlocal left
            message = await receive()
            left -= len(message.get("body", b""))
            return message if left >= 0 else {"type": "http.disconnect"}

        async def noted(message: Message) -> None:
            nonlocal begun
            if left >= 0 or begun:  # else the refusal is the answer
                begun = True
                await send(message)

        try:
            await self._app(scope, counted, noted)
        except Exception:
            if left >= 0:
                raise
        if left < 0 and not begun:
            await refuse(send, self._too_large(scope["path"]))

    def _most(self, path: str) -> int:
        return self._rules.upload_bytes + FORM_BYTES if path == UPLOADS else BODY_BYTES

    def _too_large(self, path: str) -> Refusal:
        close = {"Connection": "close"}  # the rest of it is not read
        if path != UPLOADS:
            return Refusal(413, "The request is too large.", headers=close)
        megabytes = self._rules.upload_bytes / 1e6
        return Refusal(413, f"The file is larger than {megabytes:g} MB: make it smaller first.", headers=close)


def _length(headers: Headers) -> int:
    text = headers.get("content-length", "0")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else 0
