"""Writes that are either there in full or not at all, even after a power cut.

On a disk every file goes to a temporary name in its own folder, is fsynced, then renamed over the final name, and the
folder is fsynced too: without the last step the rename itself may be lost. A store such as S3 has no rename, and needs
none: the whole object is put by one request, and shows whole or not at all.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import tempfile
from collections.abc import Iterator
from pathlib import Path

from nst_core.errors import DiskFull, UsageError
from nst_core.storage.paths import check_store_writable, is_local

TEMPORARY_SUFFIX = ".tmp~"
_TEMPORARY_NAME = re.compile(r"\.[0-9a-f]{16}" + re.escape(TEMPORARY_SUFFIX))


@contextlib.contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """A temporary path beside `path` to write to; it takes the place of `path` when the block ends without an error.

    Where `path` is at a store, the temporary one is on this machine's disk, and what was written is put by one request.

    Raises:
        DiskFull: no space (or quota) is left; nothing remains of the attempt.
        StorageRefused, StorageUnreachable: the store does not take it; nothing remains of the attempt.
    """
    if not is_local(path):
        with tempfile.TemporaryDirectory(prefix="nst-") as folder:
            temporary = Path(folder, path.name)
            with disk_full_as_error(temporary):
                yield temporary
            path.write_bytes(temporary.read_bytes())
        return
    temporary = path.parent / f".{secrets.token_hex(8)}{TEMPORARY_SUFFIX}"
    try:
        with disk_full_as_error(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            yield temporary
            fsync(temporary)
            os.replace(temporary, path)  # noqa: PTH105 (the rename that the promise rests on, by its usual name)
            fsync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def disk_full_as_error(path: Path) -> Iterator[None]:
    """Turns the system's "no space left" into `DiskFull`, which stops a run instead of being retried."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull(f"No space left to write {path}: free some, then run the same command to go on.") from error
        raise


def check_writable(folder: Path) -> None:
    """Make a folder that is to be written into, and try. Raises UsageError."""
    if not is_local(folder):
        check_store_writable(folder)
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise UsageError(
            f"The folder {folder} cannot be written ({error.strerror}): choose another with --output."
        ) from error


def write_bytes_atomic(path: Path, data: bytes) -> None:
    """Write `data` to `path` (parents are created), atomically and durably. Raises as `atomic_path`."""
    if not is_local(path):
        path.write_bytes(data)
        return
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


def write_if_changed(path: Path, data: bytes) -> None:
    """As `write_bytes_atomic`, but a file that holds the same bytes already is left untouched."""
    if not _holds(path, data):
        write_bytes_atomic(path, data)


def _holds(path: Path, data: bytes) -> bool:
    if is_local(path):
        return path.is_file() and path.read_bytes() == data
    try:
        return path.read_bytes() == data
    except FileNotFoundError:  # one request less than to ask first
        return False


def _lines(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""


def write_text_atomic(path: Path, text: str) -> None:
    """As `write_bytes_atomic`, in UTF-8."""
    write_bytes_atomic(path, text.encode("utf-8"))


def append_line(path: Path, text: str) -> None:
    """Append a line to a file of lines (made if need be), durably. What was cut off before is left a line of its own.

    A store cannot append: there the object is read and put anew, so each may have one writer only.

    Raises:
        DiskFull: no space is left.
        StorageRefused, StorageUnreachable: the store does not take it.
    """
    if not is_local(path):
        path.write_bytes(_lines(path) + text.encode("utf-8") + b"\n")
        return
    with disk_full_as_error(path):
        made = not path.exists()
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab+") as file:
            size = file.seek(0, os.SEEK_END)
            torn = size > 0 and (file.seek(size - 1), file.read(1))[1] != b"\n"
            file.write((b"\n" if torn else b"") + text.encode("utf-8") + b"\n")
            file.flush()
            os.fsync(file.fileno())
        if made:
            fsync(path.parent)


def remove_temporaries(folder: Path, *, deep: bool = True) -> int:
    """Delete what killed processes left half-written in `folder`; returns how many files that were.

    At a store there are none: what was not put whole is not there.

    Args:
        deep: also anywhere below it.
    """
    if not is_local(folder):
        return 0
    found = (folder.rglob if deep else folder.glob)(f".*{TEMPORARY_SUFFIX}")
    leftovers = [path for path in found if is_temporary(path.name) and path.is_file()]
    for leftover in leftovers:
        leftover.unlink(missing_ok=True)
    return len(leftovers)


def is_temporary(name: str) -> bool:
    """Whether a file of this name is one that a write goes to before it is complete."""
    return _TEMPORARY_NAME.fullmatch(name) is not None


def fsync(path: Path) -> None:
    """Wait until a file's bytes, or a folder's entries, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
