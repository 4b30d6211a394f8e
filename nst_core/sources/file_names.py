"""File names in tables and JSON files: the separators of Windows, `./`, and both of Unicode's forms of an accent."""

from __future__ import annotations

import functools
import os
import posixpath
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from nst_core.sources.base import source_id

Value = TypeVar("Value")


def table_path(name: str) -> str:
    """A relative path with `/` between its parts and without `./`: `cats/1.png`, also where Windows wrote it."""
    return posixpath.normpath(name.replace("\\", "/")) if name else name


def spellings_of(name: str) -> tuple[str, ...]:
    """The file names that a cell may mean, the exact one first."""
    tidy = table_path(name)
    return tuple(dict.fromkeys((name, source_id(name), tidy, source_id(tidy))))


def by_file_name(values: Mapping[str, Value], name: str) -> Value | None:
    """The value of the first of `spellings_of(name)` that is a key."""
    found = next((spelling for spelling in spellings_of(name) if spelling in values), None)
    return None if found is None else values[found]


def file_on_disk(path: Path) -> Path | None:
    """The file or folder of this path, or of the same path in another of Unicode's forms; None where there is none.

    macOS lists names decomposed, archives made there keep them so. Parts of a path may be in different forms.
    """
    if _exists(path):
        return path
    text = str(path)
    if text.isascii() or "\0" in text:
        return None
    for form in ("NFC", "NFD"):
        other = Path(unicodedata.normalize(form, text))
        if _exists(other):
            return other
    return _part_by_part(path)


def _part_by_part(path: Path) -> Path | None:
    found = Path(path.anchor or ".")
    for part in path.parts[1 if path.anchor else 0 :]:
        if not _exists(found / part):
            listed = _names(found).get(unicodedata.normalize("NFC", part))
            if listed is None:
                return None
            found /= listed
        else:
            found /= part
    return found


def _names(folder: Path) -> dict[str, str]:
    """The entries of a folder by their names in NFC; none where it cannot be read."""
    try:
        return _names_as_of(folder, folder.stat().st_mtime_ns)
    except OSError:
        return {}


@functools.lru_cache(64)
def _names_as_of(folder: Path, _changed: int) -> dict[str, str]:
    return {unicodedata.normalize("NFC", name): name for name in sorted(os.listdir(folder))}  # noqa: PTH208


def _exists(path: Path) -> bool:
    try:
        return os.path.exists(path)  # noqa: PTH110 (Path's raises where a name is too long)
    except ValueError:  # a NUL in it
        return False
