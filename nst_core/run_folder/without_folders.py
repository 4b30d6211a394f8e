"""Error messages and file names without folders, for what is made to be handed on."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePath

_LONGEST = 400
_FOLDER = re.compile(r"(?<![\w./:])(?:[A-Za-z][A-Za-z0-9+.-]*://|/)[^\s'\"<>|]*/(?=[^\s/])")


def without_folders(message: str, paths: Iterable[str | None]) -> str:
    """A message in one line of 400 characters at most, in which files (`paths`, and others) stand without folders."""
    for path in paths:
        if path:
            message = message.replace(path, base_name(path))
    line = " ".join(_FOLDER.sub("", message).split())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"


def base_name(path: str | None) -> str:
    """A file's name without its folders; the path itself where it ends in none."""
    return PurePath(path).name or path if path else "unknown"


def style_names(paths: Iterable[str]) -> str:
    """The names of a pair's styles, without their folders; `as it is` without a style."""
    return " + ".join(map(base_name, paths)) or "as it is"
