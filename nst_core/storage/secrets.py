"""Secrets masked in what a run writes about itself: credentials in URLs, and values under names such as `token`."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping
from typing import Any

MASK = "***"
_SECRET = r"[\w.-]*(?:token|secret|passw|credential|signature|api[_-]?key|access[_-]?key|auth(?!or))[\w.-]*"
_NAME = re.compile(_SECRET, re.IGNORECASE)
_OPTION = re.compile(rf"--?{_SECRET}", re.IGNORECASE)
_ASSIGNED = re.compile(rf"({_SECRET}=)[^&]+", re.IGNORECASE)
# `pathlib` reduces two slashes to one; a password may contain slashes, as AWS's keys do.
_IN_URL = re.compile(r"\b([a-z][a-z0-9+.-]+:/{1,2})(?:[^\s/@:]*:[^\s@]+|[^\s/@]+)@", re.IGNORECASE)
_PASSWORD = re.compile(r"[a-z][a-z0-9+.-]*://[^\s/@:]*:(?!\d+/)[^\s@]+@", re.IGNORECASE)


def holds_secret(url: str) -> bool:
    """Whether a URL has a password before its host, or a query parameter with the name of a secret."""
    return _PASSWORD.match(url) is not None or _ASSIGNED.search(url.partition("?")[2]) is not None


def redact(value: Any) -> Any:
    """Plain data (mappings, lists, strings, numbers) with every secret in it replaced by `***`."""
    if isinstance(value, str):
        return _ASSIGNED.sub(rf"\1{MASK}", _IN_URL.sub(rf"\1{MASK}@", value))
    if isinstance(value, Mapping):
        return {key: MASK if _is_secret(key, inner) else redact(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [redact(inner) for inner in value]
    return value


def redact_command(arguments: Iterable[str]) -> str:
    """A command line quoted for a shell, with secrets in `--set key=value`, URLs and `--token value` masked."""
    shown, hide = [], False
    for argument in arguments:
        shown.append(MASK if hide else redact(argument))
        hide = _OPTION.fullmatch(argument) is not None
    return shlex.join(shown)


def _is_secret(key: Any, value: Any) -> bool:
    return isinstance(value, str) and _NAME.fullmatch(str(key)) is not None
