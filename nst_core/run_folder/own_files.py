"""The files that a run folder names in its tables. The folder may come from somebody else: they must lie in it.

A name may not lead out of the folder, and no link on the way is followed: an archive can hold links to anything. The
folder `images` alone may be a link, as people make to a larger disk.
"""

from __future__ import annotations

import errno
import io
import os
import stat
from pathlib import Path, PurePosixPath

from nst_core.storage.paths import is_local
from nst_core.storage.regular_files import open_regular, read_regular

_LINKED = "images"


class ForeignFile(OSError):
    """A name in a run folder's tables is of no regular file in that folder; `strerror` says why."""


def check_own_file(folder: Path, name: str | None) -> Path:
    """The path of the file of that name, relative to the run folder. It need not be there.

    Raises:
        ForeignFile: the name leads out of the folder, by itself or by a link, or is of no regular file.
    """
    path = PurePosixPath(name or "")
    place = folder / path
    if not path.parts or path.is_absolute() or ".." in path.parts or "\0" in str(path) or "\\" in str(path):
        raise _foreign(place, "it leads outside of the run folder")
    if not is_local(folder):  # at a store there are no links, and nothing but objects
        return place
    way = os.fspath(folder)
    for depth, part in enumerate(path.parts):
        way = os.path.join(way, part)  # noqa: PTH118 (galleries ask for hundreds of thousands)
        try:
            mode = os.lstat(way).st_mode
        except (FileNotFoundError, NotADirectoryError):
            return place
        if stat.S_ISLNK(mode) and not (depth == 0 and part == _LINKED and len(path.parts) > 1):
            raise _foreign(place, "it is a link, or lies behind one")
    if not stat.S_ISREG(mode):
        raise _foreign(place, "it is no file")
    return place


def own_file_or_none(folder: Path, name: str | None) -> Path | None:
    """As `check_own_file`; None where that raises an error, also of the system."""
    try:
        return check_own_file(folder, name)
    except (OSError, ValueError):
        return None


def read_own_file(folder: Path, name: str | None) -> bytes:
    """The bytes of a file that a run folder names. Raises FileNotFoundError, ForeignFile, OSError."""
    return read_regular(check_own_file(folder, name), follow=False)


def open_own_file(folder: Path, name: str | None) -> io.BufferedReader:
    """Such a file, opened for reading. Raises as `read_own_file`."""
    return open_regular(check_own_file(folder, name), follow=False)


def _foreign(path: Path, reason: str) -> ForeignFile:
    return ForeignFile(errno.EPERM, reason, str(path))
