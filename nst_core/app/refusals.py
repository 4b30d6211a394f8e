"""What the app says no to: a status of HTTP and a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

NOTHING: Mapping[str, str] = MappingProxyType({})


class Refusal(Exception):
    """A request that is not granted.

    Attributes:
        status: of HTTP.
        retry_after: seconds after which it may be asked again, where that is known.
        headers: further ones of the answer.
    """

    def __init__(
        self, status: int, sentence: str, retry_after: int | None = None, headers: Mapping[str, str] = NOTHING
    ) -> None:
        super().__init__(sentence)
        self.status, self.retry_after, self.headers = status, retry_after, headers
