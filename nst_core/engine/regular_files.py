"""Opening of regular files only: a named pipe, a socket or a device in a file's place may never answer."""

from __future__ import annotations

import errno
import io
import os
import stat
from pathlib import Path
from typing import cast

NOT_REGULAR = "it is a pipe, a socket or a device, not a file"


def open_regular(path: Path) -> io.BufferedReader:
    """Open a file for reading, links followed, and without waiting. Raises OSError where it is no regular one.

    A path to a remote store is no pathlib.Path: it leads to objects only.
    """
    if not isinstance(cast(object, path), Path):
        return path.open("rb")
    if not _is_file(path.stat().st_mode):  # looked at first: even opening it may have an effect on a pipe or a device
        raise OSError(errno.EINVAL, NOT_REGULAR, str(path))
    file = open(path, "rb", opener=_open)  # noqa: SIM115 (pathlib takes no opener)
    if not _is_file(os.fstat(file.fileno()).st_mode):  # exchanged meanwhile
        file.close()
        raise OSError(errno.EINVAL, NOT_REGULAR, str(path))
    return file


def _open(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _is_file(mode: int) -> bool:
    return stat.S_ISREG(mode) or stat.S_ISDIR(mode)  # to open a directory is an error of its own
