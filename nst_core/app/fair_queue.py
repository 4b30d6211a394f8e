"""A queue that serves clients in turn, and the entries of each client in their order."""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import Generic, TypeVar

Entry = TypeVar("Entry")

MAX_CLIENTS = 1000
"""Clients whose last turn is remembered."""


class FairQueue(Generic[Entry]):
    """Entries by client. Next is the client served longest ago; clients never served come first, in order of arrival.

    So ten entries of one client delay another client by no more than the one that is being worked on. Not thread-safe.
    """

    def __init__(self) -> None:
        self._waiting: dict[str, deque[Entry]] = {}
        self._last_turn: OrderedDict[str, int] = OrderedDict()
        self._turn = 0

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))

    def add(self, client: str, entry: Entry) -> None:
        """Append an entry to those of its client."""
        self._waiting.setdefault(client, deque()).append(entry)

    def take(self) -> Entry | None:
        """Remove and return the next entry; None where the queue is empty."""
        if not self._waiting:
            return None
        client = min(self._waiting, key=lambda name: self._last_turn.get(name, 0))  # of several, the first that came
        entries = self._waiting[client]
        entry = entries.popleft()
        if not entries:
            del self._waiting[client]
        self._turn += 1
        self._last_turn[client] = self._turn
        self._last_turn.move_to_end(client)
        while len(self._last_turn) > MAX_CLIENTS:
            self._last_turn.popitem(last=False)
        return entry

    def remove(self, entry: Entry) -> bool:
        """Remove an entry; return whether it was in the queue."""
        for client, entries in self._waiting.items():
            if entry in entries:
                entries.remove(entry)
                if not entries:
                    del self._waiting[client]
                return True
        return False

    def order(self) -> list[Entry]:
        """The entries in the order in which they will be taken, if none is added or removed."""
        queue = FairQueue[Entry]()
        queue._waiting = {client: deque(entries) for client, entries in self._waiting.items()}
        queue._last_turn, queue._turn = self._last_turn.copy(), self._turn
        return list(iter(queue.take, None))
