"""A JSON file of hundreds of megabytes, read an entry at a time."""

from __future__ import annotations

import json
import re
from collections.abc import Container, Iterator
from typing import Any

_SPACE = re.compile(r"[ \t\n\r]*")
_DECODER = json.JSONDecoder()


def stream_entries(text: str, sections: Container[str]) -> Iterator[tuple[str, int | None, Any]]:
    """(section, number, entry) for each entry of the named lists of a JSON object; others are skipped.

    Each entry is decoded alone, so that those of a large list never lie in memory together. Before its first entry each
    list is announced with the number None, so that an empty one is seen, too.

    Raises:
        json.JSONDecodeError, RecursionError: the text is not JSON, or no object.
    """
    position = _expect(text, _skip(text, 0), "{")
    while not _at(text, position, "}"):
        key, position = _DECODER.raw_decode(text, position)
        position = _expect(text, _skip(text, position), ":")
        if isinstance(key, str) and key in sections and _at(text, position, "["):
            yield key, None, None
            for number, entry, after in _elements(text, position):
                position = after
                if number is not None:
                    yield key, number, entry
        else:
            _, position = _DECODER.raw_decode(text, position)
        position = _next(text, position, "}")


def _elements(text: str, position: int) -> Iterator[tuple[int | None, Any, int]]:
    """Number, element and the position after it; at last without a number, and the position after the list."""
    position = _expect(text, position, "[")
    number = 0
    while not _at(text, position, "]"):
        element, position = _DECODER.raw_decode(text, position)
        yield number, element, position
        number += 1
        position = _next(text, position, "]")
    yield None, None, position + 1


def _at(text: str, position: int, character: str) -> bool:
    return text[position : position + 1] == character


def _skip(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    return match.end() if match else position


def _expect(text: str, position: int, character: str) -> int:
    """The position of what follows `character`, which must stand at `position`."""
    if not _at(text, position, character):
        raise json.JSONDecodeError(f"{character!r} expected", text, position)
    return _skip(text, position + 1)


def _next(text: str, position: int, end: str) -> int:
    """Past the comma after an element, or at the `end` of the list."""
    position = _skip(text, position)
    return position if _at(text, position, end) else _expect(text, position, ",")
