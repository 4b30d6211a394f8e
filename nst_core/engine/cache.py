"""Least-recently-used cache for threads: holds sessions, extractors and style targets."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Cache(Generic[Value]):
    """Values by key, of which the least recently used are dropped, but never the last one. Thread-safe.

    Args:
        limit: largest sum of the sizes of the values.
        size: size of a value; by default 1, so that `limit` is their number.
    """

    def __init__(self, limit: int, size: Callable[[Value], int] = lambda value: 1) -> None:
        self._limit, self._size, self._sum = limit, size, 0
        self._values: OrderedDict[Hashable, Value] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> Value | None:
        """The value of `key`, or None."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
            return self._values.get(key)

    def keep(self, key: Hashable, value: Value) -> Value:
        """Add a value, unless another thread was first; return the one that is kept."""
        with self._lock:
            if key in self._values:
                return self._values[key]
            self._values[key] = value
            self._sum += self._size(value)
            while self._sum > self._limit and len(self._values) > 1:
                self._sum -= self._size(self._values.popitem(last=False)[1])
        return value
