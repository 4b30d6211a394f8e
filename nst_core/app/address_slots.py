"""A bound on what goes on at a time, for all addresses together and for each of them."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator

from nst_core.app.request_errors import RequestError


class AddressSlots:
    """Slots for requests, of which one address gets a part. For one thread, or one event loop.

    Args:
        total: slots for all addresses together.
        each: slots for one address.
        sentence: said where there is none.
    """

    def __init__(self, total: int, each: int, sentence: str) -> None:
        self._total, self._each, self._sentence = total, each, sentence
        self._taken: Counter[str] = Counter()

    @contextlib.contextmanager
    def slot(self, address: str) -> Iterator[None]:
        """A slot while the block runs. Raises RequestError."""
        if self._taken[address] >= self._each or self._taken.total() >= self._total:
            raise RequestError(503, self._sentence, 5)
        self._taken[address] += 1
        try:
            yield
        finally:
            self._taken[address] -= 1
            if not self._taken[address]:
                del self._taken[address]
