"""What was said of a pair, and what its files are called, without their folders: for what is made to be handed on."""

from __future__ import annotations

import re
from pathlib import PurePath

from nst_core.manifest.style_cell import parse_styles

_LONGEST = 400
_FOLDER = re.compile(r"(?<![\w./:])(?:[A-Za-z][A-Za-z0-9+.-]*://|/)[^\s'\"<>|]*/(?=[^\s/])")


def without_folders(message: str, content: str | None, style: str | None) -> str:
    """A message that names files by their names alone, in one line."""
    for path in (content, *style_paths(style)):
        if path:
            message = message.replace(path, base_name(path))
    told = " ".join(_FOLDER.sub("", message).split())
    return told if len(told) <= _LONGEST else told[: _LONGEST - 1] + "…"


def base_name(path: str | None) -> str:
    """A file's name without its folders; what has none is told as it is."""
    return PurePath(path).name or path if path else "unknown"


def style_names(cell: str | None) -> str:
    """The names of a style cell's files, without their folders and shares."""
    return " + ".join(base_name(path) for path in style_paths(cell)) or "as it is"


def style_paths(cell: str | None) -> tuple[str, ...]:
    """The paths in a style cell."""
    try:
        return tuple(ref.name for ref in parse_styles(cell or ""))
    except ValueError:
        return (cell,) if cell else ()
