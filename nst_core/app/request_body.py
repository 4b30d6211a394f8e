"""The body of a request, as far as it is taken: no more than so many bytes, and no slower than at a least rate."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from starlette.types import Message, Receive

from nst_core.app.request_errors import RequestError

BODY_SECONDS, BODY_RATE = 20.0, 4096
"""Time for a body to arrive, in seconds, and the bytes that extend it by a second."""

DISCONNECT: Message = {"type": "http.disconnect"}


class BoundedBody:
    """An ASGI `receive` that tells of a disconnected client once there is something wrong with the body.

    Args:
        most: bytes of the body.
        too_large: the error for more of them.

    Attributes:
        fault: the error that is the answer then.
    """

    def __init__(
        self, receive: Receive, most: int, too_large: RequestError, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._receive, self._most, self._too_large, self._clock = receive, most, too_large, clock
        self._length, self._waited, self._complete = 0, 0.0, False
        self.fault: RequestError | None = None

    async def __call__(self) -> Message:
        if self.fault:
            return DISCONNECT
        if self._complete:
            return await self._receive()
        started = self._clock()
        try:
            async with asyncio.timeout(max(0.0, BODY_SECONDS + self._length / BODY_RATE - self._waited)):
                message = await self._receive()
        except TimeoutError:
            self.fault = RequestError(
                408, "The request came too slowly: try again, with a smaller file.", headers={"Connection": "close"}
            )
            return DISCONNECT
        self._waited += self._clock() - started  # only this is up to the client
        self._length += len(message.get("body", b""))
        self._complete = not message.get("more_body", False)
        if self._length > self._most:
            self.fault = self._too_large
            return DISCONNECT
        return message
