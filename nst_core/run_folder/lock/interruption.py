"""Ctrl-C for a process that works in a run folder, from outside: sent to the owner of its lock, and to nobody else."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from nst_core.errors import RunFolderError
from nst_core.run_folder.lock.acquisition import RUN_LOCK, shard_lock
from nst_core.run_folder.lock.run_lock import Holder


def interrupt_holder(root: Path, holder: Holder) -> None:
    """Send SIGINT to a process of this machine that holds a run folder on a disk: it ends as after one Ctrl-C.

    A process id may have been given to another process since the lock was written: the one that is signalled has the
    lock's file open.

    Raises:
        RunFolderError: it is another machine's, another user's, or gone.
    """
    owner = holder.owner
    if owner is None:
        raise RunFolderError(f"What works in {root.name} is left over from a run that was killed: it ends by itself.")
    if not owner.here:
        raise RunFolderError(f"{root.name} is worked on by {owner.host}: press Ctrl-C there.")
    lock = root / (RUN_LOCK if holder.shard is None else shard_lock(holder.shard))
    gone = RunFolderError(f"Nobody works in {root.name} any more.")
    try:
        process = _Process(owner.pid)
    except ProcessLookupError as error:
        raise gone from error
    with process:
        try:
            if not process.has_open(lock):
                raise gone
            process.interrupt()
        except PermissionError as error:
            raise RunFolderError(f"The run {root.name} belongs to another user of this machine.") from error
        except ProcessLookupError as error:
            raise gone from error


class _Process:
    """A process that keeps its identity while this is open, where the system can do that. Raises ProcessLookupError."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        try:
            self._descriptor = os.pidfd_open(pid) if hasattr(os, "pidfd_open") else None
        except ProcessLookupError:
            raise
        except OSError:  # an old kernel, or one that forbids it
            self._descriptor = None

    def __enter__(self) -> _Process:
        return self

    def __exit__(self, *_: object) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)

    def has_open(self, path: Path) -> bool:
        """Whether it has a file open; taken for granted where the system does not tell. Raises PermissionError."""
        folder = Path(f"/proc/{self._pid}/fd")
        if not Path("/proc/self/fd").is_dir():
            return True
        wanted = path.stat()
        for descriptor in _names(folder):
            try:
                status = (folder / descriptor).stat()
            except OSError:
                continue
            if (status.st_dev, status.st_ino) == (wanted.st_dev, wanted.st_ino):
                return True
        return False

    def interrupt(self) -> None:
        if self._descriptor is None:
            os.kill(self._pid, signal.SIGINT)
        else:
            signal.pidfd_send_signal(self._descriptor, signal.SIGINT)


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208
    except FileNotFoundError as error:
        raise ProcessLookupError from error
