"""What the app says no to: a status of HTTP and a sentence."""

from __future__ import annotations


class Refusal(Exception):
    """A request that is not granted.

    Attributes:
        status: of HTTP.
        retry_after: seconds after which it may be asked again, where that is known.
    """

    def __init__(self, status: int, sentence: str, retry_after: int | None = None) -> None:
        super().__init__(sentence)
        self.status, self.retry_after = status, retry_after
