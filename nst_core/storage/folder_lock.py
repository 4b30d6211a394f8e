"""The lock of a local folder that one process works in."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from nst_core.errors import UsageError
from nst_core.storage.atomic import check_writable


@contextlib.contextmanager
def hold_folder(folder: Path, lock_file: str, refusal: str) -> Iterator[None]:
    """Hold a folder, created if need be, by a lock file in it, which stays there.

    Raises:
        UsageError: the folder cannot be written; or, with the sentence `refusal`, another process holds it.
    """
    check_writable(folder)
    lock = FileLock(folder / lock_file)
    try:
        lock.acquire(blocking=False)
    except Timeout as error:
        raise UsageError(refusal) from error
    try:
        yield
    finally:
        lock.release()
