"""Paths as people write them, in run files and on the command line: `~`, `~user`, `$NAME` and `${NAME}` are expanded.

Never for paths that come from data (rows of a manifest, metadata, plans): there `~` and `$` are parts of names.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from nst_core.errors import UsageError, short
from nst_core.storage.paths import is_local, is_url, parse_path

_VARIABLE = re.compile(r"\$(?:(\w+)|\{([^{}]*)\})", re.ASCII)


def written_path(text: str | Path) -> Path:
    """The path, or URL, that a person wrote. Raises UsageError as `expanded` and `parse_path` do."""
    return parse_path(expanded(text) if isinstance(text, str) else text)


def written_local_path(text: str | Path) -> Path:
    """The path on a disk that a person wrote. Raises UsageError for a URL, and as `written_path` does."""
    path = written_path(text)
    if not is_local(path):
        raise UsageError(f"{path}: only a local path will do here, not a URL.")
    return path


def expanded(text: str) -> str:
    """`text` with a `~` or `~user` at its beginning, and every `$NAME` and `${NAME}`, replaced by what they stand for.

    A file or folder that is really called so (`./pay$roll`) comes before a variable of that name.

    Raises:
        UsageError: there is no such variable or user.
    """
    if "\0" in text:
        raise UsageError(f"{short(text)}: a path cannot hold a zero byte.")
    if not is_url(text):
        text = _with_home(text)
    if "$" not in text:
        return text
    if is_url(text):
        return _VARIABLE.sub(lambda match: _value(match, text), text)
    parts = text.split("/")
    for place, part in enumerate(parts):
        if "$" in part and not os.path.lexists("/".join(parts[: place + 1])):
            parts[place] = _VARIABLE.sub(lambda match: _value(match, text), part)
    return "/".join(parts)


def _with_home(text: str) -> str:
    if not text.startswith("~"):
        return text
    first, slash, rest = text.partition("/")
    home = os.path.expanduser(first)  # noqa: PTH111 (pathlib's raises RuntimeError)
    if home == first:
        if os.path.lexists(first):
            return text  # a file whose name begins with ~, as those of some editors do
        raise UsageError(f"{text}: there is no user {first[1:] or 'here with a home'}; for a name with ~, ./{text}.")
    return home + slash + rest


def _value(match: re.Match[str], text: str) -> str:
    name = match[1] or match[2]
    value = os.environ.get(name)
    if not value:
        state = "is empty" if value is not None else "is not set"
        raise UsageError(f"{text}: the environment variable {name} {state}.")
    return value
