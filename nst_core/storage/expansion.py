"""Expansion of `~`, `~user`, `$NAME` and `${NAME}` in a path that a person wrote."""

from __future__ import annotations

import os
import re

from nst_core.errors import UsageError, short

_VARIABLE = re.compile(r"\$(?:(\w+)|\{([^{}]*)\})", re.ASCII)
_URL = re.compile(r"(?!(?:file|local)://)[A-Za-z][A-Za-z0-9+.-]+://", re.IGNORECASE)


def expanded(text: str) -> str:
    """`text` with a `~` or `~user` at its beginning, and every `$NAME` and `${NAME}`, replaced by what they stand for.

    A file or folder that is really called so (`./pay$roll`) comes before a variable of that name.

    Raises:
        UsageError: there is no such variable or user.
    """
    if "\0" in text:
        raise UsageError(f"{short(text)}: a path cannot hold a zero byte.")
    if not _URL.match(text):
        text = _with_home(text)
    if "$" not in text:
        return text
    if _URL.match(text):
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
