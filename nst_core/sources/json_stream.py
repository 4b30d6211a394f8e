"""A JSON file of hundreds of megabytes, read one entry at a time."""

from __future__ import annotations

import json
import re
from collections.abc import Container, Iterator
from typing import Any

_SPACE = re.compile(r"[ \t\n\r]*")
_DECODER = json.JSONDecoder()


def stream_entries(text: str, sections: Container[str]) -> Iterator[tuple[str, int | None, Any]]:
    """(section, number, entry) for each entry of the named lists of a JSON object; other values are skipped.

    Each entry is decoded alone, so that the entries of a large list are never in memory together. Each list is
    announced with the number None before its first entry, so that empty ones are reported, too.

    Raises:
        json.JSONDecodeError, RecursionError: the text is not JSON, or no object.
    """
    position = _expect(text, _skip(text, 0), "{")
    while not _at(text, position, "}"):
        key, position = _DECODER.raw_decode(text, position)
        position = _expect(text, _skip(text, position), ":")
        if isinstance(key, str) and key in sections and _at(text, position, "["):
            yield key, None, None
            position = _expect(text, position, "[")
            number = 0
            while not _at(text, position, "]"):
                entry, position = _DECODER.raw_decode(text, position)
                yield key, number, entry
                number += 1
                position = _next(text, position, "]")
            position += 1
        else:
            _, position = _DECODER.raw_decode(text, position)
        position = _next(text, position, "}")


def _at(text: str, position: int, character: str) -> bool:
    return text[position : position + 1] == character


def _skip(text: str, position: int) -> int:
    """The position of the next character that is not white space."""
    match = _SPACE.match(text, position)
    return match.end() if match else position


def _expect(text: str, position: int, character: str) -> int:
    """The position of what follows `character`, which must stand at `position`."""
    if not _at(text, position, character):
        raise json.JSONDecodeError(f"{character!r} expected", text, position)
    return _skip(text, position + 1)


def _next(text: str, position: int, end: str) -> int:
    """The position after the comma that follows an entry, or that of the `end` of the list or object."""
    position = _skip(text, position)
    return position if _at(text, position, end) else _expect(text, position, ",")
