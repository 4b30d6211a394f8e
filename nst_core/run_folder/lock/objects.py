"""Locks that are objects of a store without rename and file locks (S3, Google Cloud Storage, Azure, any fsspec store).

What is promised:

* A lock is made by a conditional create: of two makers one wins. Stores not known to have it (and S3 services that turn
  out to ignore it) are written to and, after `SETTLE_SECONDS`, read again: one wins as long as no request takes longer.
* An owner's beat overwrites its lock. On S3 the write is conditional on the version that this owner wrote last
  (If-Match), so a lock that was taken over is never overwritten. Elsewhere the token is read just before the write: an
  owner that sleeps between the two may overwrite its successor's lock, and the successor then stops.
* A dead owner's lock is taken over by whoever makes `<lock>.from-<token of the dead>`, again a conditional create, and
  still finds that token in the lock: of two takers one wins.
* On one machine the kernel tells the dead from the living, and keeps a lock held while child processes of a killed
  owner live: beside each lock object goes a locked file among the machine's temporary files, its guard.

An owner that was thought dead (its machine slept for a minute) finds out with its next beat. What it writes until then
is not prevented: chunks are written whole, with the same names and the same images.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
from collections.abc import Container
from dataclasses import replace
from pathlib import Path
from typing import Any

from nst_core.run_folder.lock import record as lock_record
from nst_core.run_folder.lock.files import is_locked, lock_descriptor
from nst_core.run_folder.lock.record import LockLost, Owner, Record, Taken
from nst_core.run_folder.lock.requests import Requests, Seen

_CLAIM = ".from-"


class ObjectLocks:
    """The locks of a run folder in an object store; `root` is a UPath, `guards` a folder of this machine."""

    def __init__(self, root: Any, guards: Path | None = None) -> None:
        self.root = root
        self._requests = Requests(root)
        self._guards = guards or Path(tempfile.gettempdir())

    def names(self) -> list[str]:
        """Of all locks that there are."""
        with self._requests.errors_as_sentence():
            return [name for name in self._requests.names() if _CLAIM not in name]

    def read(self, name: str) -> Record | None:
        """What a lock says; None if nothing."""
        with self._requests.errors_as_sentence():
            return self._requests.see(name).record

    def look(self, name: str) -> tuple[Record | None, bool | None]:
        """What a lock says, and whether its owner lives (None: unknown)."""
        record = self.read(name)
        if record is None:
            return None, False
        return record, is_locked(self._guard(name)) if self._guarded_here(name, record) else None

    def take(self, name: str, owner: Owner, dead: Container[str] = ()) -> ObjectClaim:
        """Take a lock that nobody holds, whose owner died on this machine, or whose owner's token is in `dead`.

        Raises:
            Taken: it is held, or may be.
            RunFolderError: the store cannot be written.
        """
        guard = self._locked_guard(name)
        try:
            record = Record(replace(owner, guard=_identity(guard)), at=time.monotonic())
            with self._requests.errors_as_sentence():
                seen = self._requests.see(name)
                version = self._take(name, record, seen, dead)
            return ObjectClaim(self._requests, name, record.owner, version, guard, seen.record)
        except BaseException:
            _close(guard)
            raise

    def tidy(self) -> None:
        """Remove what takers that were killed left behind. For who holds the folder alone."""
        with self._requests.errors_as_sentence():
            for name in self._requests.names():
                if _CLAIM in name:
                    self._requests.remove(name)

    def _take(self, name: str, record: Record, seen: Seen, dead: Container[str]) -> str | None:
        if seen.record is None:
            return self._requests.create(name, record)
        if seen.record.owner.token in dead or (record.owner.guard and self._guarded_here(name, seen.record)):
            return self._take_over(name, record, seen.record)
        raise Taken(seen.record, alive=None)

    def _take_over(self, name: str, record: Record, left: Record) -> str | None:
        claim = f"{name}{_CLAIM}{left.owner.token}"
        try:
            self._requests.create(claim, record)
        except Taken as taken:
            if taken.record is None or not self._abandoned(claim, taken.record):
                raise Taken(self.read(name), alive=None) from None
            self._take_over(claim, record, taken.record)
        try:
            present = self._requests.see(name)
            if not present.names(left):
                raise Taken(present.record, alive=None)
            return self._requests.replace(name, record, present.version)
        except LockLost as lost:
            raise Taken(lost.record, alive=None) from None
        finally:
            self._requests.remove(claim)

    def _abandoned(self, claim: str, record: Record) -> bool:
        """A claim lives for three requests: one that stays is of a taker that died."""
        until = time.monotonic() + lock_record.STALE_SECONDS
        while time.monotonic() < until:
            time.sleep(lock_record.STALE_SECONDS / 20)
            if not self._requests.see(claim).names(record):
                return False
        return True

    def _guard(self, name: str) -> Path:
        digest = hashlib.sha256(f"{self.root}/{name}".encode()).hexdigest()[:24]
        return self._guards / f"nst-{os.getuid()}-{digest}.lock"

    def _locked_guard(self, name: str) -> int | None:
        """The guard's descriptor, locked; None where this machine has no place for one. Raises Taken."""
        try:
            descriptor = os.open(self._guard(name), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        except OSError:
            return None
        try:
            if lock_descriptor(descriptor):
                return descriptor
        except OSError:
            os.close(descriptor)
            return None
        os.close(descriptor)
        raise Taken(self.read(name), alive=True)

    def _guarded_here(self, name: str, record: Record) -> bool:
        """Whether our guard is that owner's too, so that the kernel knows whether it lives."""
        try:
            status = self._guard(name).stat()
        except OSError:
            return False
        return record.owner.here and record.owner.guard == f"{status.st_dev}:{status.st_ino}"


class ObjectClaim:
    """A lock object that this process holds.

    Attributes:
        owner: this process.
        descriptor: of the guard; child processes that write into the folder get it with `pass_fds`. None where this
            machine has no place for a guard.
        took_over: what the dead owner before had left there.
    """

    def __init__(
        self,
        requests: Requests,
        name: str,
        owner: Owner,
        version: str | None,
        guard: int | None,
        took_over: Record | None,
    ) -> None:
        self._requests = requests
        self._name = name
        self._version = version
        self.owner = owner
        self.descriptor = guard
        self.took_over = took_over

    def beat(self, record: Record) -> None:
        """Show life. Raises LockLost; whatever the store raises where it has a fault."""
        present = self._requests.see(self._name)
        if not present.names(record):
            raise LockLost(present.record)
        self._version = self._requests.replace(self._name, record, self._version)

    def release(self) -> None:
        """Let go: the object is gone from now on, if it is still ours."""
        try:
            with self._requests.errors_as_sentence():
                if self._requests.see(self._name).names(Record(self.owner)):
                    self._requests.remove(self._name)
        finally:
            self.drop()

    def drop(self) -> None:
        """Let go of a lock that is another's now."""
        _close(self.descriptor)
        self.descriptor = None


def _identity(descriptor: int | None) -> str | None:
    if descriptor is None:
        return None
    status = os.fstat(descriptor)
    return f"{status.st_dev}:{status.st_ino}"


def _close(descriptor: int | None) -> None:
    if descriptor is not None:
        os.close(descriptor)
