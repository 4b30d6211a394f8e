"""Listings of image files, in the same order on every system; links are followed, but not in circles."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePath
from typing import NoReturn

from nst_core.engine.images.suffixes import IMAGE_SUFFIXES, NEAR_IMAGE_SUFFIXES
from nst_core.errors import SourceError
from nst_core.sources.base import path_text
from nst_core.storage.paths import files_below, is_local


def image_files(root: Path) -> Iterator[str]:
    """Paths of image files relative to `root`, with `/`; hidden files and folders are left out.

    Raises:
        SourceError: a folder cannot be read.
    """
    if not is_local(root):
        yield from (name for name in files_below(root) if _is_shown_image(name))
        return
    seen: set[tuple[int, int]] = set()
    for folder, subfolders, files in os.walk(root, followlinks=True, onerror=_raise_unreadable):
        status = Path(folder).stat()
        identity = (status.st_dev, status.st_ino)
        if identity in seen:
            subfolders.clear()
            continue
        seen.add(identity)
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        relative = PurePath(folder).relative_to(root).as_posix()
        prefix = "" if relative == "." else f"{relative}/"
        yield from (f"{prefix}{name}" for name in sorted(files) if is_image_name(name))


def _is_shown_image(relative: str) -> bool:
    *folders, name = relative.split("/")
    return is_image_name(name) and not any(folder.startswith(".") for folder in folders)


def entries(folder: Path) -> list[os.DirEntry[str]]:
    """The entries of a folder that are not hidden, by name; none where there is no such folder.

    Raises:
        SourceError: it cannot be read.
    """
    try:
        with os.scandir(folder) as found:
            return sorted((entry for entry in found if not entry.name.startswith(".")), key=lambda entry: entry.name)
    except FileNotFoundError:
        return []
    except OSError as error:
        _raise_unreadable(error)


def is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether an entry is a folder, or a link to one; False for a link that leads in a circle."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def missing_files(folder: Path, names: Iterable[str]) -> list[str]:
    """Those of the relative file names that are not in `folder`, by one listing. Raises OSError."""
    present = set(os.listdir(folder))  # noqa: PTH208 (names, not a Path for each of 100 000 files)
    return [name for name in names if name not in present and ("/" not in name or not (folder / name).exists())]


def is_image_name(name: str) -> bool:
    """Whether a file counts as an image by its name; formats that cannot be read count, so that they are reported."""
    suffix = os.path.splitext(name)[1].lower()  # noqa: PTH122 (a Path for each of 100 000 names takes seconds)
    return not name.startswith(".") and (suffix in IMAGE_SUFFIXES or suffix in NEAR_IMAGE_SUFFIXES)


def leads_outside(name: str) -> bool:
    """Whether a file name in a table or JSON file leads out of its folder, by the rules of any system."""
    parts = name.replace("\\", "/").split("/")
    return ".." in parts or not parts[0] or re.match(r"[A-Za-z]:", name) is not None or "\0" in name


def _raise_unreadable(error: OSError) -> NoReturn:
    folder = path_text(error.filename)
    raise SourceError(f"The folder {folder} cannot be read: {error.strerror}.") from error
