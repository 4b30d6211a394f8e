"""Errors that are answered with an HTTP status and a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class RequestError(Exception):
    """A request that is not granted.

    Attributes:
        status: the HTTP status.
        retry_after: seconds after which the request may be repeated, where that is known.
        headers: further headers of the answer.
    """

    def __init__(
        self, status: int, sentence: str, retry_after: int | None = None, headers: Mapping[str, str] = NO_HEADERS
    ) -> None:
        super().__init__(sentence)
        self.status, self.retry_after, self.headers = status, retry_after, headers


def file_too_large(most: int, headers: Mapping[str, str] = NO_HEADERS) -> RequestError:
    """The error for an upload of more than `most` bytes."""
    return RequestError(413, f"The file is larger than {most / 1e6:g} MB: make it smaller first.", headers=headers)
