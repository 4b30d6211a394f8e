"""Locks that are files of a run folder: the kernel (flock) says whether the owner lives, the contents name it.

The kernel releases a lock when the last process that has it open is gone, however it went, and this is the truth on one
machine, and on shared file systems whose locks reach across machines. Where they do not, the beat in the contents
tells: an owner that finds another's token in its file has lost it. The files are rewritten in place and never renamed
or deleted, since the lock belongs to the file, not to its name.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Container
from pathlib import Path

from nst_core.errors import RunFolderError
from nst_core.run_folder.lock.record import LockLost, LockUnavailable, Owner, Record, parse_record
from nst_core.storage.atomic import disk_full_as_error
from nst_core.storage.regular_files import open_regular, read_regular

GRACE_SECONDS = 0.5
"""Seconds for which a held lock is tried again: `nst status` and `nst export` hold it for an instant to inspect it."""


class FileLocks:
    """The locks of a run folder on a file system."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def names(self) -> list[str]:
        """The names of all locks that there ever were, sorted."""
        return sorted(path.name for path in self.root.glob(".lock*"))

    def read(self, name: str) -> Record | None:
        """The contents of a lock; None where it is empty."""
        try:
            return parse_record(read_regular(self.root / name))
        except OSError:
            return None

    def inspect(self, name: str) -> tuple[Record | None, bool | None]:
        """The contents of a lock, and whether its owner lives (None: unknown)."""
        if is_locked(self.root / name):
            return self.read(name), True
        record = self.read(name)
        return record, False if record is None or record.owner.here else None

    def acquire(self, name: str, owner: Owner, dead: Container[str] = ()) -> FileClaim:
        """Acquire a lock that nobody holds, whose owner died on this machine, or whose owner's token is in `dead`.

        Raises:
            LockUnavailable: it is held, or may be.
            RunFolderError: the file cannot be written, or its file system has no locks.
            DiskFull
        """
        path = self.root / name
        descriptor = self._open(path)
        try:
            if not self._locked(descriptor):
                raise LockUnavailable(self.read(name), alive=True)
            left = parse_record(_contents(descriptor))
            if left and not left.owner.here and left.owner.token not in dead:
                raise LockUnavailable(left, alive=None)
            with disk_full_as_error(path):
                return FileClaim(path, descriptor, owner, left)
        except BaseException:
            os.close(descriptor)
            raise

    def remove_leftovers(self) -> None:
        """Nothing to do: processes that were killed leave nothing behind."""

    def _open(self, path: Path) -> int:
        try:
            with disk_full_as_error(self.root):
                self.root.mkdir(parents=True, exist_ok=True)
                return os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise RunFolderError(
                f"The run folder {self.root} cannot be written ({error.strerror}): choose another with output.root."
            ) from error

    def _locked(self, descriptor: int) -> bool:
        try:
            return lock_descriptor(descriptor)
        except OSError as error:
            raise RunFolderError(
                f"The file system of {self.root} has no file locks (flock: {error.strerror}): mount it with them "
                "(Lustre: -o flock), or choose another place with output.root."
            ) from error


class FileClaim:
    """A lock file that this process holds.

    Attributes:
        owner: this process.
        descriptor: as long as a process has it open, nobody else gets the lock: child processes that write into the
            folder get it with `pass_fds`.
        previous: what the dead owner before had left there.
    """

    def __init__(self, path: Path, descriptor: int, owner: Owner, previous: Record | None) -> None:
        self._path = path
        self.owner = owner
        self.descriptor: int | None = descriptor
        self.previous = previous
        self._write(descriptor, Record(owner, at=time.monotonic()))

    def beat(self, record: Record) -> None:
        """Write a heartbeat. Raises LockLost; OSError where the file system has a fault."""
        if self.descriptor is None:
            return
        try:
            present = parse_record(read_regular(self._path))
        except FileNotFoundError as error:
            raise LockLost(None) from error
        if present and present.owner.token != self.owner.token:
            raise LockLost(present)
        self._write(self.descriptor, record)

    def release(self) -> None:
        """Release the lock: its file is empty from now on."""
        if self.descriptor is None:
            return
        os.ftruncate(self.descriptor, 0)
        self.drop()

    def drop(self) -> None:
        """Close a lock that another process took over: its contents stay."""
        if self.descriptor is not None:
            os.close(self.descriptor)
            self.descriptor = None

    def _write(self, descriptor: int, record: Record) -> None:
        data = record.to_bytes()
        # One write that covers whatever was there: who reads meanwhile finds no rest of the old record.
        os.pwrite(descriptor, data.ljust(os.fstat(descriptor).st_size), 0)
        os.fsync(descriptor)  # on network file systems others see it only then


def lock_descriptor(descriptor: int) -> bool:
    """Lock an open file for this process and its children; returns whether that was possible. Raises OSError."""
    until = time.monotonic() + GRACE_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() >= until:
                return False
            time.sleep(0.02)


def is_locked(path: Path) -> bool:
    """Whether a process that our kernel knows of holds a lock file."""
    try:
        with open_regular(path) as file:
            return _is_locked(file.fileno())
    except OSError:
        return False


def _is_locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _contents(descriptor: int) -> bytes:
    return os.pread(descriptor, os.fstat(descriptor).st_size, 0)
