"""CSV tables as spreadsheets save them, with commas, semicolons or tabs between the cells."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from nst_core.errors import SourceError

_SEPARATOR_LINE = re.compile(r"sep=(.)\r?\n", re.IGNORECASE)  # Excel's own


@dataclass(frozen=True)
class CsvRows:
    """The rows of a table.

    Attributes:
        rows: those that are not empty, each with its number in a spreadsheet.
        mended: numbers of those whose quotes are out of place, read as well as they can be.
    """

    rows: list[tuple[int, list[str]]]
    mended: list[int]


def csv_rows(path: Path, text: str, strict: bool = True) -> CsvRows:
    r"""Read the rows of a table. `"Lilies" study` and `"say \"hi\""` are no valid CSV, but it is clear what they mean.

    Args:
        path: for the error message.
        text: of the table; the separator is the one that its first line has most of.
        strict: refuse a quote that does not end, too.

    Raises:
        SourceError: it is not valid CSV: a quote does not end, a cell is too long.
    """
    first_number = 1
    if declared := _SEPARATOR_LINE.match(text):
        text, first_number = text[declared.end() :], 2
    first_line = text.lstrip("\r\n").partition("\n")[0]
    separator = declared[1] if declared else max((",", ";", "\t"), key=first_line.count)
    found = CsvRows([], [])
    lines = _Lines(text)
    reader = csv.reader(lines, delimiter=separator, strict=True)
    number = first_number
    while True:
        lines.taken.clear()
        try:
            cells = next(reader)
        except StopIteration:
            return found
        except csv.Error as error:
            meant = _mend("".join(lines.taken), separator, strict)
            if meant is None:
                raise SourceError(f"{path} is not valid CSV, in row {number}: {error}.") from error
            cells = meant
            found.mended.append(number)
        if any(cell.strip() for cell in cells):
            found.rows.append((number, cells))
        number += 1


def csv_record(header: Sequence[str], cells: Sequence[str]) -> dict[str, str]:
    """The cells of a row by the names of their columns; cells that are lacking are empty, further ones left out."""
    return dict(zip(header, [*cells, *[""] * (len(header) - len(cells))], strict=False))


def decode_table(data: bytes) -> str:
    """The text of a table in UTF-8, or UTF-16 with its mark (Excel's 'Unicode text'). Raises UnicodeDecodeError."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16")
    return data.decode("utf-8-sig")


class _Lines(Iterator[str]):
    """The lines of a text, and which of them have been taken since `taken` was cleared."""

    def __init__(self, text: str) -> None:
        self.taken: list[str] = []
        self._lines = iter(io.StringIO(text, newline=""))

    def __next__(self) -> str:
        line = next(self._lines)
        self.taken.append(line)
        return line


def _mend(line: str, separator: str, strict: bool) -> list[str] | None:
    """The cells of a row with quotes out of place; None where a quote does not end, or something else is wrong."""
    if strict and line.count('"') % 2:
        return None
    for escape in ("\\", None):
        lines = io.StringIO(line, newline="")
        try:
            rows = list(csv.reader(lines, delimiter=separator, escapechar=escape, strict=escape is not None))
        except csv.Error:
            continue
        if len(rows) == 1:
            return rows[0]
    return None
