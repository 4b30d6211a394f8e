"""Atomic, durable writes: after a crash or power cut a file is there in full or not at all.

On a disk a file is written under a temporary name in its own folder, fsynced, renamed to its final name, and the folder
is fsynced, too: otherwise the rename itself may be lost. At a store such as S3 one request puts the whole object.
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
from nst_core.storage.regular_files import check_regular, read_regular

TEMPORARY_SUFFIX = ".tmp~"
_TEMPORARY_NAME = re.compile(r"\.[0-9a-f]{16}" + re.escape(TEMPORARY_SUFFIX))


@contextlib.contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path to write to; it replaces `path` when the block ends without an error.

    The temporary file lies beside `path`; for a path at a store it lies on this machine's disk and is uploaded by one
    request. After an error nothing of it remains.

    Raises:
        DiskFull: no space (or quota) is left.
        StorageRefused, StorageUnreachable: the store does not accept the object.
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
            os.replace(temporary, path)  # noqa: PTH105 (the atomic rename, by its usual name)
            fsync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def disk_full_as_error(path: Path) -> Iterator[None]:
    """Raise the system's "no space left" as `DiskFull`, which stops a run instead of being retried."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull(f"No space left to write {path}: free some, then run the same command to go on.") from error
        raise


def check_writable(folder: Path) -> None:
    """Create a folder if need be and check that files can be written to it. Raises UsageError."""
    if not is_local(folder):
        check_store_writable(folder)
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder, prefix=".", suffix=TEMPORARY_SUFFIX).close()
    except OSError as error:
        raise UsageError(
            f"The folder {folder} cannot be written ({error.strerror}): choose another with --output."
        ) from error


def write_bytes_atomic(path: Path, data: bytes) -> None:
    """Write `data` to `path` (parents are created) atomically and durably. Raises as `atomic_path`."""
    if not is_local(path):
        path.write_bytes(data)
        return
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


def write_if_changed(path: Path, data: bytes) -> None:
    """Write as `write_bytes_atomic`, unless the file already contains the same bytes."""
    if _read_or_none(path) != data:
        write_bytes_atomic(path, data)


def _read_or_none(path: Path) -> bytes | None:
    """The bytes of a file; None where there is none, or a link, a pipe or a device in its place."""
    if is_local(path) and not (path.is_file() and not path.is_symlink()):
        return None
    try:
        return read_regular(path, follow=False)
    except FileNotFoundError:
        return None


def write_text_atomic(path: Path, text: str) -> None:
    """Write a text in UTF-8 as `write_bytes_atomic` does."""
    write_bytes_atomic(path, text.encode("utf-8"))


def append_line(path: Path, text: str) -> None:
    """Append a line to a text file durably; the file is created if need be. A cut-off last line is ended first.

    A store cannot append: the object is read and written anew, so each may have one writer only.

    Raises:
        DiskFull: no space is left.
        StorageRefused, StorageUnreachable: the store does not accept the object.
    """
    if not is_local(path):
        path.write_bytes((_read_or_none(path) or b"") + text.encode("utf-8") + b"\n")
        return
    with disk_full_as_error(path):
        is_new = not path.exists()
        path.parent.mkdir(parents=True, exist_ok=True)
        if not is_new:
            check_regular(path)
        with path.open("ab+") as file:
            size = file.seek(0, os.SEEK_END)
            torn = size > 0 and (file.seek(size - 1), file.read(1))[1] != b"\n"
            file.write((b"\n" if torn else b"") + text.encode("utf-8") + b"\n")
            file.flush()
            os.fsync(file.fileno())
        if is_new:
            fsync(path.parent)


def remove_temporaries(folder: Path, *, deep: bool = True) -> int:
    """Delete the temporary files that killed processes left in `folder`; returns their number (at a store 0).

    Args:
        deep: also delete those in sub-folders.
    """
    if not is_local(folder):
        return 0
    found = (folder.rglob if deep else folder.glob)(f".*{TEMPORARY_SUFFIX}")
    leftovers = [path for path in found if is_temporary(path.name) and path.is_file()]
    for leftover in leftovers:
        leftover.unlink(missing_ok=True)
    return len(leftovers)


def is_temporary(name: str) -> bool:
    """Whether a file name is that of a temporary file of `atomic_path`."""
    return _TEMPORARY_NAME.fullmatch(name) is not None


def fsync(path: Path) -> None:
    """Flush a file's bytes, or a folder's entries, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
