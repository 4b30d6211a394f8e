"""Locks that are objects of a store without rename and file locks (S3, Google Cloud Storage, Azure, any fsspec store).

What is promised:

* A lock is made by a conditional create: of two makers one wins. Stores not known to have it (and S3 services that turn
  out to ignore it) are written to and, after `SETTLE_SECONDS`, read again: one wins as long as no request takes longer.
* An owner's beat overwrites its lock. On S3 the write is conditional on the version that this owner wrote last
  (If-Match), so a lock that was taken over is never overwritten. Elsewhere the token is read just before the write: an
  owner that sleeps between the two may overwrite its successor's lock, and the successor then stops.
* A dead owner's lock is taken over by whoever makes `<lock>.from-<token of the dead>`, again a conditional create, and
  still finds that token in the lock: of two processes one wins.
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
from nst_core.run_folder.lock.object_requests import LockObject, ObjectRequests
from nst_core.run_folder.lock.record import LockLost, LockUnavailable, Owner, Record

_CLAIM = ".from-"


class ObjectLocks:
    """The locks of a run folder in an object store; `root` is a UPath, `guards` a folder of this machine."""

    def __init__(self, root: Any, guards: Path | None = None) -> None:
        self.root = root
        self._requests = ObjectRequests(root)
        self._guards = guards or Path(tempfile.gettempdir())

    def names(self) -> list[str]:
        """The names of all locks that there are, sorted."""
        with self._requests.errors_as_sentence():
            return [name for name in self._requests.names() if _CLAIM not in name]

    def read(self, name: str) -> Record | None:
        """The contents of a lock; None where there is none."""
        with self._requests.errors_as_sentence():
            return self._requests.read(name).record

    def inspect(self, name: str) -> tuple[Record | None, bool | None]:
        """The contents of a lock, and whether its owner lives (None: unknown)."""
        record = self.read(name)
        if record is None:
            return None, False
        return record, is_locked(self._guard(name)) if self._guarded_here(name, record) else None

    def acquire(self, name: str, owner: Owner, dead: Container[str] = ()) -> ObjectClaim:
        """Acquire a lock that nobody holds, whose owner died on this machine, or whose owner's token is in `dead`.

        Raises:
            LockUnavailable: it is held, or may be.
            RunFolderError: the store cannot be written.
        """
        guard = self._locked_guard(name)
        try:
            record = Record(replace(owner, guard=_identity(guard)), at=time.monotonic())
            with self._requests.errors_as_sentence():
                stored = self._requests.read(name)
                version = self._acquire(name, record, stored, dead)
            return ObjectClaim(self._requests, name, record.owner, version, guard, stored.record)
        except BaseException:
            _close(guard)
            raise

    def remove_leftovers(self) -> None:
        """Remove what killed processes left behind. Only while this process holds the folder alone."""
        with self._requests.errors_as_sentence():
            for name in self._requests.names():
                if _CLAIM in name:
                    self._requests.remove(name)

    def _acquire(self, name: str, record: Record, stored: LockObject, dead: Container[str]) -> str | None:
        if stored.record is None:
            return self._requests.create(name, record)
        if stored.record.owner.token in dead or (record.owner.guard and self._guarded_here(name, stored.record)):
            return self._take_over(name, record, stored.record)
        raise LockUnavailable(stored.record, alive=None)

    def _take_over(self, name: str, record: Record, left: Record) -> str | None:
        claim = f"{name}{_CLAIM}{left.owner.token}"
        try:
            self._requests.create(claim, record)
        except LockUnavailable as unavailable:
            if unavailable.record is None or not self._abandoned(claim, unavailable.record):
                raise LockUnavailable(self.read(name), alive=None) from None
            self._take_over(claim, record, unavailable.record)
        try:
            present = self._requests.read(name)
            if not present.belongs_to(left):
                raise LockUnavailable(present.record, alive=None)
            return self._requests.replace(name, record, present.version)
        except LockLost as lost:
            raise LockUnavailable(lost.record, alive=None) from None
        finally:
            self._requests.remove(claim)

    def _abandoned(self, claim: str, record: Record) -> bool:
        """A claim lives for three requests: one that stays was left by a process that died."""
        until = time.monotonic() + lock_record.STALE_SECONDS
        while time.monotonic() < until:
            time.sleep(lock_record.STALE_SECONDS / 20)
            if not self._requests.read(claim).belongs_to(record):
                return False
        return True

    def _guard(self, name: str) -> Path:
        digest = hashlib.sha256(f"{self.root}/{name}".encode()).hexdigest()[:24]
        return self._guards / f"nst-{os.getuid()}-{digest}.lock"

    def _locked_guard(self, name: str) -> int | None:
        """The guard's descriptor, locked; None where this machine has no place for one. Raises LockUnavailable."""
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
        raise LockUnavailable(self.read(name), alive=True)

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
        previous: what the dead owner before had left there.
    """

    def __init__(
        self,
        requests: ObjectRequests,
        name: str,
        owner: Owner,
        version: str | None,
        guard: int | None,
        previous: Record | None,
    ) -> None:
        self._requests = requests
        self._name = name
        self._version = version
        self.owner = owner
        self.descriptor = guard
        self.previous = previous

    def beat(self, record: Record) -> None:
        """Write a heartbeat. Raises LockLost; whatever the store raises where it has a fault."""
        present = self._requests.read(self._name)
        if not present.belongs_to(record):
            raise LockLost(present.record)
        self._version = self._requests.replace(self._name, record, self._version)

    def release(self) -> None:
        """Release the lock: remove its object, if it is still ours."""
        try:
            with self._requests.errors_as_sentence():
                if self._requests.read(self._name).belongs_to(Record(self.owner)):
                    self._requests.remove(self._name)
        finally:
            self.drop()

    def drop(self) -> None:
        """Close a lock that another process took over."""
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
