"""Paths as people write them, in run files and on the command line: `~`, `~user`, `$NAME` and `${NAME}` are expanded.

Never for paths that come from data (rows of a manifest, metadata, plans): there `~` and `$` are parts of names.
"""

from __future__ import annotations

from pathlib import Path

from nst_core.errors import UsageError
from nst_core.storage.expansion import expanded
from nst_core.storage.paths import is_local, parse_path


def written_path(text: str | Path) -> Path:
    """The path, or URL, that a person wrote. Raises UsageError as `expanded` and `parse_path` do."""
    return parse_path(expanded(text) if isinstance(text, str) else text)


def written_local_path(text: str | Path) -> Path:
    """The path on a disk that a person wrote. Raises UsageError for a URL, and as `written_path` does."""
    path = written_path(text)
    if not is_local(path):
        raise UsageError(f"{path}: only a local path will do here, not a URL.")
    return path


for _parser in (written_path, written_local_path):
    _parser.__name__ = "path"  # what the help of a command calls the type of such an argument
