"""The open connections of the server: how many each address may have, and which are closed because nothing comes."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

HEAD_SECONDS = 15.0
"""Time for the head of a request to arrive, from the opening of the connection or the end of the last answer."""

STALL_SECONDS = 60.0
"""Time for which an answer may wait for its client to read on."""

CLOSING_SECONDS = 10.0
"""Time for the end of an answer to be sent on a connection that is being closed."""

ADDRESS_PART, LEAST_PER_ADDRESS = 4, 16
"""One address may have a fourth of all connections, and at least so many."""

RESERVED_DESCRIPTORS, LEAST_CONNECTIONS = 48, 8
"""File descriptors that are left to everything but connections; connections where there are hardly any."""


class Connection(Protocol):
    """What the table needs to know of a connection, and does to it. Times are in seconds on the table's clock.

    Attributes:
        address: of the client, in the form of `address_group`.
        waiting_since: when it began to wait for the head of a request; None while a request is answered.
        stalled_since: when the client ceased to read; None while it reads.
        closing_since: when it was closed by this side.
    """

    address: str
    waiting_since: float | None
    stalled_since: float | None
    closing_since: float | None

    def has_unsent(self) -> bool: ...

    def is_closing(self) -> bool: ...

    def end_waiting(self) -> None: ...

    def abort(self) -> None: ...


class Connections:
    """The open connections by address. For one event loop.

    Where there are too many, the one gives way that has waited longest for a request: a new one is of more use.

    Args:
        most: connections of all addresses together.
        each: connections of one address; None where they come through a proxy and so from one address.
    """

    def __init__(self, most: int, each: int | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._each, self.clock = most, most if each is None else each, clock
        self._open: dict[str, dict[Connection, None]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._open.values()))

    def make_room(self, address: str) -> bool:
        """Whether there is room for one more of that address, if need be after another one was closed."""
        own = self._open.get(address, {})
        if len(own) >= self._each:
            return self._abort_waiting(own)
        return len(self) < self._most or self.abort_one()

    def abort_one(self) -> bool:
        """Close the connection of which there is least use; whether there was one."""
        by_size = sorted(self._open.values(), key=len, reverse=True)
        return any(self._abort_waiting(connections) for connections in by_size)

    def add(self, connection: Connection) -> None:
        """Count an opened connection."""
        self._open.setdefault(connection.address, {})[connection] = None

    def remove(self, connection: Connection) -> None:
        """Count a connection no longer: it was closed."""
        own = self._open.get(connection.address, {})
        own.pop(connection, None)
        if not own:
            self._open.pop(connection.address, None)

    def sweep(self) -> None:
        """Close the connections on which nothing has come, or gone, for too long."""
        now = self.clock()
        for connection in [each for own in self._open.values() for each in own]:
            if connection.is_closing():
                if connection.closing_since is None:
                    connection.closing_since = now
                elif now - connection.closing_since > CLOSING_SECONDS:
                    connection.abort()
            elif connection.stalled_since is not None and now - connection.stalled_since > STALL_SECONDS:
                connection.abort()
            elif connection.waiting_since is not None and now - connection.waiting_since > HEAD_SECONDS:
                connection.end_waiting()

    def _abort_waiting(self, connections: dict[Connection, None]) -> bool:
        """Close the connection that has waited longest for a request; whether there was one."""
        waiting = [
            (each.waiting_since, number, each)
            for number, each in enumerate(connections)
            if each.waiting_since is not None and not each.has_unsent()
        ]
        if not waiting:
            return False
        connection = min(waiting)[2]
        self.remove(connection)
        connection.abort()
        return True


def connections_within(most: int) -> int:
    """The number of connections, up to `most`, for which there are file descriptors: each may have a file open too."""
    try:
        import resource

        allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    except (ImportError, OSError):
        return most
    if allowed == resource.RLIM_INFINITY:
        return most
    return max(LEAST_CONNECTIONS, min(most, (allowed - RESERVED_DESCRIPTORS - _open_descriptors()) // 2))


def connections_per_address(most: int) -> int:
    """The number of connections of one address, of so many in all."""
    return min(most, max(LEAST_PER_ADDRESS, most // ADDRESS_PART))


def _open_descriptors() -> int:
    """File descriptors that this process has open; 0 where the system does not tell."""
    for folder in ("/proc/self/fd", "/dev/fd"):
        try:
            return sum(1 for _ in Path(folder).iterdir())
        except OSError:
            continue
    return 0
