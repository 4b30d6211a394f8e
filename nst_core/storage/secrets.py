"""No secret goes into what a run writes about itself: credentials in URLs, and values whose names say what they are."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping
from typing import Any

HIDDEN = "***"
_SECRET = r"[\w.-]*(?:token|secret|passw|credential|signature|api[_-]?key|access[_-]?key|auth(?!or))[\w.-]*"
_NAME = re.compile(_SECRET, re.IGNORECASE)
_OPTION = re.compile(rf"--?{_SECRET}", re.IGNORECASE)
_ASSIGNED = re.compile(rf"({_SECRET}=)[^&]+", re.IGNORECASE)
# One slash is what `pathlib` leaves of two; a password may hold slashes, as AWS's keys do.
_IN_URL = re.compile(r"\b([a-z][a-z0-9+.-]+:/{1,2})(?:[^\s/@:]*:[^\s@]+|[^\s/@]+)@", re.IGNORECASE)
_PASSWORD = re.compile(r"[a-z][a-z0-9+.-]*://[^\s/@:]*:(?!\d+/)[^\s@]+@", re.IGNORECASE)


def holds_secret(url: str) -> bool:
    """Whether a URL has a password before its host, or a query parameter whose name says that it is secret."""
    return _PASSWORD.match(url) is not None or _ASSIGNED.search(url.partition("?")[2]) is not None


def redacted(value: Any) -> Any:
    """Plain data (mappings, lists, texts, numbers) with every secret in it replaced by `***`."""
    if isinstance(value, str):
        return _ASSIGNED.sub(rf"\1{HIDDEN}", _IN_URL.sub(rf"\1{HIDDEN}@", value))
    if isinstance(value, Mapping):
        return {key: HIDDEN if _is_secret(key, inner) else redacted(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [redacted(inner) for inner in value]
    return value


def redacted_command(arguments: Iterable[str]) -> str:
    """A command line as a shell would take it, without the secrets in `--set key=value`, URLs and `--token value`."""
    shown, hide = [], False
    for argument in arguments:
        shown.append(HIDDEN if hide else redacted(argument))
        hide = _OPTION.fullmatch(argument) is not None
    return shlex.join(shown)


def _is_secret(key: Any, value: Any) -> bool:
    return isinstance(value, str) and _NAME.fullmatch(str(key)) is not None
