"""Listing folders: which files are images, in the same order everywhere, following links but never in a circle."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePath
from typing import NoReturn

from nst_core.engine.images.pixels import IMAGE_SUFFIXES, NEAR_IMAGE_SUFFIXES
from nst_core.errors import SourceError
from nst_core.sources.base import path_text, stable_id
from nst_core.storage.paths import files_below, is_local

_SHOWN = 5


def image_files(root: Path) -> Iterator[str]:
    """Paths of image files relative to `root`, folders parted by `/`; hidden files and folders are left out.

    Raises:
        SourceError: a folder cannot be read.
    """
    if not is_local(root):
        yield from (name for name in files_below(root) if _is_shown_image(name))
        return
    seen: set[tuple[int, int]] = set()
    for folder, subfolders, files in os.walk(root, followlinks=True, onerror=_unreadable):
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
    """What lies in a folder, by name, without what is hidden; nothing where there is no such folder.

    Raises:
        SourceError: it cannot be read.
    """
    try:
        with os.scandir(folder) as found:
            return sorted((entry for entry in found if not entry.name.startswith(".")), key=lambda entry: entry.name)
    except FileNotFoundError:
        return []
    except OSError as error:
        _unreadable(error)


def is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether an entry is a folder, or a link to one; a link that leads in a circle is none."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def is_image_name(name: str) -> bool:
    """Whether a file counts as an image by its name, those included that we cannot read but report."""
    suffix = os.path.splitext(name)[1].lower()  # noqa: PTH122 (a Path for each of 100 000 names takes seconds)
    return not name.startswith(".") and (suffix in IMAGE_SUFFIXES or suffix in NEAR_IMAGE_SUFFIXES)


def source_id(relative: str) -> str:
    """`stable_id` of a relative path in text, at once where it is plain ASCII."""
    return relative if relative.isascii() else stable_id(PurePath(relative))


def leads_outside(name: str) -> bool:
    """Whether a file's name in a table or JSON is no path below its folder, on whatever system it was written."""
    parts = name.replace("\\", "/").split("/")
    return ".." in parts or not parts[0] or re.match(r"[A-Za-z]:", name) is not None or "\0" in name


def quantity(count: int, noun: str, plural: str | None = None) -> str:
    """`1 image`, `2 images`."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}".replace(",", " ")


def short_list(names: Sequence[str]) -> str:
    """The first few names on one line, and how many more there are."""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    shown = (unicodedata.normalize("NFC", name) for name in names[:_SHOWN])
    return ", ".join(name if name.isprintable() else repr(name) for name in shown) + more


def _unreadable(error: OSError) -> NoReturn:
    folder = path_text(PurePath(error.filename))
    raise SourceError(f"The folder {folder} cannot be read: {error.strerror}.") from error
