"""A JSON file of hundreds of megabytes, read one entry at a time; memory holds a few of them."""

from __future__ import annotations

import json
import re
from collections.abc import Container, Iterator
from dataclasses import dataclass, field
from typing import IO, Any, NamedTuple

_STEP = 1 << 20
_SPACE = re.compile(r"[ \t\n\r]*")
_DECODER = json.JSONDecoder()
_BOM = b"\xef\xbb\xbf"


class StreamedValue(NamedTuple):
    """A value within the top object of a file.

    Attributes:
        section: the key at the top.
        number: of an entry of a list; None for a value as a whole, and for the announcement of a list.
        value: decoded; None announces a list, so that empty ones are told, too.
        start, end: its place in the file, in bytes; equal for an announcement.
    """

    section: str
    number: int | None
    value: Any
    start: int
    end: int


def stream_values(file: IO[bytes], sections: Container[str]) -> Iterator[StreamedValue]:
    """The values of the JSON object that a file holds; those of the lists in `sections` entry by entry.

    Raises:
        ValueError, RecursionError: the bytes are not JSON in UTF-8, or no object; ValueErrors name the byte.
    """
    text = _Window(file)
    text.expect("{")
    while not text.at("}"):
        key, start, end = text.value()
        section = str(key)
        text.expect(":")
        if section in sections and text.at("["):
            yield StreamedValue(section, None, None, start, start)
            text.expect("[")
            number = 0
            while not text.at("]"):
                value, start, end = text.value()
                yield StreamedValue(section, number, value, start, end)
                number += 1
                text.next("]")
            text.expect("]")
        else:
            value, start, end = text.value()
            yield StreamedValue(section, None, value, start, end)
        text.next("}")


@dataclass
class _Window:
    """A part of a file's text, a character per byte, and a position in it that moves forward.

    Structure is ASCII in UTF-8, so that bytes can be taken for characters; values that are not ASCII are decoded again.
    """

    _file: IO[bytes]
    _text: str = ""
    _base: int = 0
    _position: int = 0
    _ended: bool = field(default=False)

    def __post_init__(self) -> None:
        self._more()
        if self._text.startswith(_BOM.decode("latin-1")):
            self._position = len(_BOM)
        self._skip()

    def at(self, character: str) -> bool:
        return self._text[self._position : self._position + 1] == character

    def expect(self, character: str) -> None:
        """Step over `character` and the white space behind it. Raises ValueError where it is not next."""
        if not self.at(character):
            raise ValueError(f"{character!r} expected at byte {self._base + self._position}")
        self._position += 1
        self._skip()

    def next(self, end: str) -> None:
        """Step over the comma behind an entry, unless the `end` of the list or object is next."""
        if not self.at(end):
            self.expect(",")

    def value(self) -> tuple[Any, int, int]:
        """Step over a value: it, and its place in the file."""
        while True:
            try:
                value, end = _DECODER.raw_decode(self._text, self._position)
                if end < len(self._text) or self._ended:
                    break
            except json.JSONDecodeError as error:
                if self._ended:
                    what = error.msg.removesuffix(" starting at")
                    raise ValueError(f"{what} at byte {self._base + error.pos}") from error
            self._more()
        start = self._position
        part = self._text[start:end]
        if not part.isascii():
            value = json.loads(part.encode("latin-1").decode("utf-8"))
        self._position = end
        place = self._base + start, self._base + end
        self._skip()
        return value, *place

    def _skip(self) -> None:
        while True:
            match = _SPACE.match(self._text, self._position)
            self._position = match.end() if match else self._position
            if self._position < len(self._text) or self._ended:
                return
            self._more()

    def _more(self) -> None:
        """Read on, and forget what lies before the position; what is read doubles, so that long values cost little."""
        data = self._file.read(max(_STEP, len(self._text) - self._position))
        self._text = self._text[self._position :] + data.decode("latin-1")
        self._base += self._position
        self._position = 0
        self._ended = not data
