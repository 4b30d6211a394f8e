"""The contents of a lock: its owner, the count of its heartbeat, and the progress of the work."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import secrets
import socket
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

BEAT_SECONDS = 5.0
"""Seconds between two heartbeats."""

STALE_SECONDS = 60.0
"""How long a lock of another machine is watched, by the watcher's own clock, before its owner counts as dead."""

WorkProgress = Mapping[str, Any]
"""`total`, `done`, `failed`, `rate` (images/s), `eta_seconds`, `workers` (`name`, `chunk`, `pairs`, `seconds`)."""


@dataclass(frozen=True)
class Owner:
    """The process that holds a lock.

    Attributes:
        boot: of its machine, so that a process id of before a restart is not taken for one of now.
        started: when it acquired the lock, in UTC: for people to read. Nothing is ever decided by it.
        token: random, one for each time that a lock is acquired.
        shard: such as `2/8`; None for a run that has the folder for itself.
        guard: the file on its machine that the kernel locks for it (locks in object stores).
    """

    host: str
    boot: str
    pid: int
    started: str
    token: str
    shard: str | None = None
    guard: str | None = None

    @classmethod
    def this_process(cls, shard: str | None = None) -> Owner:
        """A new owner, with a token of its own."""
        started = datetime.now(UTC).isoformat(timespec="seconds")
        return cls(socket.gethostname(), boot_id(), os.getpid(), started, secrets.token_hex(8), shard)

    @property
    def here(self) -> bool:
        """Whether it runs, or ran, on this machine since its last start, so that our kernel knows about it."""
        return (self.host, self.boot) == (socket.gethostname(), boot_id())

    def __str__(self) -> str:
        return f"pid {self.pid} on {self.host}, since {self.started}"


@dataclass(frozen=True)
class Record:
    """The contents of a lock.

    Attributes:
        beat: counts up while the owner lives.
        at: the machine's monotonic clock at this beat, in seconds: means something on that machine only.
    """

    owner: Owner
    beat: int = 0
    at: float = 0.0
    progress: WorkProgress | None = None

    @property
    def sighting(self) -> tuple[str, int]:
        """Owner and heartbeat: changes with every heartbeat."""
        return self.owner.token, self.beat

    @property
    def silent_seconds(self) -> float | None:
        """Seconds since the last heartbeat, where the owner is of this machine; else None."""
        return max(0.0, time.monotonic() - self.at) if self.owner.here else None

    def to_bytes(self) -> bytes:
        """JSON. Raises TypeError, ValueError where `progress` does not fit into it."""
        return json.dumps(asdict(self), allow_nan=False).encode()


def parse_record(data: bytes) -> Record | None:
    """The record in a lock; None where nobody holds it.

    What cannot be read counts as held by an unknown owner elsewhere, who is alive as long as the bytes change. (A power
    cut can leave zero bytes where a record was to be: these count as empty.)
    """
    data = data.strip(b"\0 \n")
    if not data:
        return None
    try:
        shown = json.loads(data)
        known = {field.name for field in fields(Owner)}
        owner = Owner(**{key: value for key, value in shown["owner"].items() if key in known})
        return Record(owner, int(shown["beat"]), float(shown.get("at", 0.0)), shown.get("progress"))
    except (ValueError, KeyError, TypeError, AttributeError):
        token = hashlib.sha256(data).hexdigest()[:16]
        return Record(Owner("an unknown machine", "", 0, "an unknown time", token))


@functools.cache
def boot_id() -> str:
    """Names this start of the machine; empty where the system has no name for it."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


class LockUnavailable(Exception):
    """A lock is held, or may be.

    Attributes:
        record: its contents; None where it is empty.
        alive: True where the kernel says that its owner lives; None where only watching its heartbeat will tell.
    """

    def __init__(self, record: Record | None, alive: bool | None) -> None:
        super().__init__(record)
        self.record = record
        self.alive = alive


class LockLost(Exception):
    """A lock does not name its owner any more.

    Attributes:
        record: its contents now; None where it is empty.
    """

    def __init__(self, record: Record | None) -> None:
        super().__init__(record)
        self.record = record
