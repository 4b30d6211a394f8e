"""Acquisition of locks: those that nobody holds, and, with a message, those of dead processes.

No two machines' clocks are compared, nor any clock with a time in a file: whether an owner on another machine lives is
found out by watching its heartbeat, by this process's monotonic clock.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from typing import Any, Protocol

from nst_core.errors import FolderInUse, Interrupted, RunFolderError
from nst_core.run_folder.lock import record as lock_record
from nst_core.run_folder.lock.heartbeat import Heartbeat, LockClaim
from nst_core.run_folder.lock.record import LockUnavailable, Owner, Record
from nst_core.run_folder.shard import Shard

RUN_LOCK = ".lock"
"""The lock of a run that has the folder for itself."""

PLAN_LOCK = ".lock.plan"
"""The lock that shards acquire in turn, to plan and to finish."""

GALLERY_LOCK = ".lock.gallery"
"""The lock of whoever builds the run's own gallery, the run itself or another process beside it."""

POLL_SECONDS = 0.1
_TRIES = 10


class LockStore(Protocol):
    """The place of locks: `FileLocks`, `ObjectLocks`."""

    root: Any

    def names(self) -> list[str]: ...

    def read(self, name: str) -> Record | None: ...

    def inspect(self, name: str) -> tuple[Record | None, bool | None]: ...

    def acquire(self, name: str, owner: Owner, dead: Container[str] = ()) -> LockClaim: ...

    def remove_leftovers(self) -> None: ...


def shard_lock(shard: Shard) -> str:
    """The name of a shard's lock."""
    return f".lock.shard-{shard.index}-of-{shard.count}"


def shard_of(name: str) -> Shard | None:
    """The shard whose lock has this name; None for the other locks."""
    match = re.fullmatch(r"\.lock\.shard-(\d+)-of-(\d+)", name)
    return Shard(int(match[1]), int(match[2])) if match else None


class LockAcquirer:
    """Acquires locks for one process.

    Args:
        say: gets a sentence whenever a lock is taken over, or has to be watched first.
        stopped: polled while waiting.
    """

    def __init__(
        self,
        store: LockStore,
        shard: Shard | None,
        say: Callable[[str], object],
        stopped: Callable[[], bool] = lambda: False,
    ) -> None:
        self.store = store
        self.stopped = stopped
        self._shard = shard
        self._say = say
        self._dead_tokens: set[str] = set()
        self._alive_tokens: set[str] = set()

    @contextlib.contextmanager
    def holding(self, name: str, wait: float = 0.0) -> Iterator[tuple[LockClaim, Heartbeat]]:
        """Hold a lock, with a heartbeat. Raises as `acquire`."""
        claim = self.acquire(name, wait)
        heartbeat = Heartbeat(claim)
        heartbeat.start()
        try:
            yield claim, heartbeat
        finally:
            heartbeat.stop()
            self._release(claim, heartbeat.lost.is_set())

    def acquire(self, name: str, wait: float = 0.0) -> LockClaim:
        """Acquire a lock; waits up to `wait` seconds for a living owner.

        Raises:
            FolderInUse: another process holds it; names it.
            RunFolderError: it cannot be written.
            Interrupted: `stopped` returned True.
        """
        owner = Owner.this_process(None if self._shard is None else str(self._shard))
        until = time.monotonic() + wait
        tries = 0
        while True:
            try:
                claim = self.store.acquire(name, owner, self._dead_tokens)
            except LockUnavailable as unavailable:
                tries += 1
                if not self._may_try_again(name, unavailable, tries):
                    if time.monotonic() >= until:
                        raise self._refusal(name, unavailable.record) from None
                    self._pause(POLL_SECONDS)
                    self._alive_tokens.clear()  # it may die while we wait
                    tries = 0
            else:
                self._report(name, claim.previous)
                return claim

    def clear(self, names: Iterable[str]) -> None:
        """Check that nobody holds these locks, and release those of dead processes. Raises as `acquire`."""
        found = {name: self.store.inspect(name) for name in names}
        self._watch({name: record for name, (record, alive) in found.items() if record and alive is None})
        for name, state in found.items():
            if state != (None, False):
                self._release(self.acquire(name), lost=False)

    def _may_try_again(self, name: str, unavailable: LockUnavailable, tries: int) -> bool:
        """Whether to try again at once; an owner on another machine is watched first."""
        if unavailable.alive or tries > _TRIES:
            return False
        if unavailable.record is None or unavailable.record.owner.token in self._dead_tokens:
            self._pause(POLL_SECONDS)  # given back, or being taken over, this very moment
        elif unavailable.record.owner.token in self._alive_tokens:
            return False
        else:
            self._watch({name: unavailable.record})
        return True

    def _watch(self, suspects: Mapping[str, Record]) -> None:
        """Find out which owners live: all are watched at once, until one heartbeat moves."""
        if not suspects:
            return
        seconds = lock_record.STALE_SECONDS
        owners = "; ".join(str(record.owner) for record in suspects.values())
        self._say(f"{self.store.root} was left to another machine ({owners}): watching it for up to {seconds:g} s.")
        until = time.monotonic() + seconds
        left = dict(suspects)
        while left and time.monotonic() < until:
            self._pause(seconds / 60)
            for name, record in list(left.items()):
                present = self.store.read(name)
                if present is None:
                    del left[name]
                elif present.sighting != record.sighting:
                    self._alive_tokens.add(present.owner.token)
                    return
        self._dead_tokens.update(record.owner.token for record in left.values())

    def _pause(self, seconds: float) -> None:
        if self.stopped():
            raise Interrupted
        time.sleep(seconds)

    def _release(self, claim: LockClaim, lost: bool) -> None:
        if lost:
            claim.drop()
            return
        try:
            claim.release()
        except (OSError, RunFolderError) as error:
            self._say(f"The lock of {self.store.root} could not be given back ({error}): the next run takes it over.")

    def _report(self, name: str, left: Record | None) -> None:
        if left is not None and name not in (PLAN_LOCK, GALLERY_LOCK):
            shard = shard_of(name)
            what = f"shard {shard} of {self.store.root}" if shard else f"{self.store.root}"
            self._say(f"The process that held {what} ({left.owner}) is dead: its lock was taken over.")

    def _refusal(self, name: str, record: Record | None) -> FolderInUse:
        other, root = shard_of(name), self.store.root
        if name == GALLERY_LOCK:
            sentence = f"Another nst process is building the gallery of {root}: wait for it to end."
        elif name == PLAN_LOCK:
            sentence = f"Another shard is still planning or finishing in {root}: run this again later."
        elif other is None:
            sentence = f"Another nst process is working in {root}: wait for it to end."
        elif self._shard is None:
            sentence = f"Shard {other} of another nst run is working in {root}: wait for all shards to end."
        elif self._shard == other:
            sentence = f"Another nst process is making shard {other} in {root} already: give this one another number."
        else:
            sentence = (
                f"Shard {other} is working in {root}, so it is being made in {other.count} shards, not in "
                f"{self._shard.count}: give --shard i/{other.count}, or wait for all shards to end."
            )
        return FolderInUse(sentence + _who(record))


def _who(record: Record | None) -> str:
    if record is None:
        return ""
    silent = record.silent_seconds
    if silent is None:
        return f" It is {record.owner}, and shows life."
    if _is_gone(record.owner.pid):
        return f" It was left behind by {record.owner}, which is dead, and still has its lock."
    return f" It is {record.owner}, and last showed life {silent:.0f} s ago."


def _is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        return False
    return False
