"""Opening of regular files only: a named pipe, a socket or a device in a file's place may never answer.

Every file that a user, a dataset or a run folder names is opened here, or by a library after `check_regular`. (The
engine, which may not import this package, has its own `open_regular`.)
"""

from __future__ import annotations

import errno
import hashlib
import io
import os
import stat
from pathlib import Path
from typing import cast

NOT_REGULAR = "it is a pipe, a socket or a device, not a file"


def open_regular(path: Path, *, follow: bool = True) -> io.BufferedReader:
    """Open a file for reading, without waiting.

    Args:
        follow: links; else a link is an error.

    Raises:
        OSError: what `path.open` raises, and EINVAL where it is no regular file.
    """
    if not isinstance(cast(object, path), Path):  # at a store there are objects only
        return path.open("rb")
    check_regular(path)  # first: even opening it may have an effect on a pipe or a device
    unfollowed = 0 if follow else getattr(os, "O_NOFOLLOW", 0)

    def opener(name: str, flags: int) -> int:
        return os.open(name, flags | unfollowed | getattr(os, "O_NONBLOCK", 0))

    file = open(path, "rb", opener=opener)  # noqa: SIM115 (pathlib takes no opener)
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):  # exchanged meanwhile
        file.close()
        raise _fault(path)
    return file


def read_regular(path: Path, *, follow: bool = True) -> bytes:
    """The bytes of a file. Raises as `open_regular`."""
    if not isinstance(cast(object, path), Path):
        return path.read_bytes()
    with open_regular(path, follow=follow) as file:
        return file.read()


def read_regular_text(path: Path) -> str:
    """The text of a file in UTF-8. Raises as `open_regular`; UnicodeDecodeError."""
    return read_regular(path).decode("utf-8")


def file_sha256(path: Path) -> str:
    """The hash of a file's bytes, as hexadecimal digits. Raises as `open_regular`."""
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_regular(path: Path) -> None:
    """Raise OSError for a local path that is there, but neither a regular file nor a folder, links followed."""
    if isinstance(path, Path):
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):  # to open a folder is an error of its own
            raise _fault(path)


def _fault(path: Path) -> OSError:
    return OSError(errno.EINVAL, NOT_REGULAR, str(path))
