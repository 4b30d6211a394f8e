"""A queue that serves addresses in turn, the clients of each in turn, and the entries of each client in their order."""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import Generic, TypeVar

Entry = TypeVar("Entry")

MAX_CLIENTS = 1000
"""Clients whose last turn is remembered."""


class FairQueue(Generic[Entry]):
    """Entries by address and client. Next is the address served longest ago, and of it the client served longest ago.

    Those never served come first, in order of arrival. So ten entries of one client, or of one address under ten names,
    delay another one by no more than the one that is being worked on. Not thread-safe.
    """

    def __init__(self) -> None:
        self._waiting: dict[tuple[str, str], deque[Entry]] = {}
        self._last_turn: OrderedDict[tuple[str, ...], int] = OrderedDict()
        self._turn = 0

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))

    def add(self, client: str, entry: Entry, address: str = "") -> None:
        """Append an entry to those of its client."""
        self._waiting.setdefault((address, client), deque()).append(entry)

    def take(self) -> Entry | None:
        """Remove and return the next entry; None where the queue is empty."""
        if not self._waiting:
            return None
        key = min(self._waiting, key=self._last_turns)  # of several, the first that came
        entries = self._waiting[key]
        entry = entries.popleft()
        if not entries:
            del self._waiting[key]
        self._turn += 1
        for served in (key[:1], key):
            self._last_turn[served] = self._turn
            self._last_turn.move_to_end(served)
        while len(self._last_turn) > 2 * MAX_CLIENTS:
            self._last_turn.popitem(last=False)
        return entry

    def remove(self, entry: Entry) -> bool:
        """Remove an entry; return whether it was in the queue."""
        for key, entries in self._waiting.items():
            if entry in entries:
                entries.remove(entry)
                if not entries:
                    del self._waiting[key]
                return True
        return False

    def order(self) -> list[Entry]:
        """The entries in the order in which they will be taken, if none is added or removed."""
        queue = FairQueue[Entry]()
        queue._waiting = {key: deque(entries) for key, entries in self._waiting.items()}
        queue._last_turn, queue._turn = self._last_turn.copy(), self._turn
        return list(iter(queue.take, None))

    def _last_turns(self, key: tuple[str, str]) -> tuple[int, int]:
        return self._last_turn.get(key[:1], 0), self._last_turn.get(key, 0)
