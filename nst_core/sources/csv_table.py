"""The reader of all CSV tables that people hand in: manifests, `metadata.csv`, `artists.csv`.

Tables are as spreadsheets, pandas and Windows leave them: in UTF-8 or UTF-16, with or without a byte-order mark or a
line `sep=;`, with commas, semicolons or tabs between the cells.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from nst_core.errors import SourceError

SEPARATORS = (",", ";", "\t")
_BREAK = re.compile(r"\r\n|\r|\n")
_SEPARATOR_LINE = re.compile(r'\s*"?sep=([^\w\s"]|\t)"?[,;\t]*[^\S\r\n]*(?:\r\n|\r|\n|$)', re.IGNORECASE)
_DECIMAL_COMMA = re.compile(r"([-+]?\d*),(\d+(?:[eE][-+]?\d+)?)")


class CsvFault(ValueError):
    """A text is no CSV table; the message says where and why: `row 3: …`. `before`: the rows before the fault."""

    def __init__(self, message: str, before: CsvTable) -> None:
        super().__init__(message)
        self.before = before


@dataclass(frozen=True)
class CsvTable:
    """A table's rows that are not empty, each with its number in a spreadsheet, and the separator of its cells."""

    rows: list[tuple[int, list[str]]]
    separator: str

    def number_text(self, cell: str) -> str:
        """A cell that should hold a number, with a point: `0,5` of a table that has no commas between its cells."""
        if self.separator == ",":
            return cell
        match = _DECIMAL_COMMA.fullmatch(cell)
        return f"{match[1]}.{match[2]}" if match else cell


def parse_csv(text: str, strict: bool = True) -> CsvTable:
    """The rows of a table, separated as its first line says (`sep=;`), or by what its header has most of.

    Args:
        strict: refuse malformed quoting.

    Raises:
        CsvFault: it is not valid CSV.
    """
    separator_line = _SEPARATOR_LINE.match(text)
    if separator_line:
        text, separator = text[separator_line.end() :], separator_line[1]
    else:
        separator = _likely_separator(text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=strict)
    shared: dict[str, str] = {}  # most texts stand in many rows
    rows: list[tuple[int, list[str]]] = []
    number = 0
    try:
        for number, cells in enumerate(reader, start=1):
            if any(cell.strip() for cell in cells):
                rows.append((number, [shared.setdefault(cell, cell) for cell in cells]))
    except csv.Error as error:
        raise CsvFault(f"row {number + 1}: {_reason(str(error))}", CsvTable(rows, separator)) from error
    return CsvTable(rows, separator)


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
    separator = declared[1] if declared else _likely_separator(text)
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


def _likely_separator(text: str) -> str:
    """The separator that the first line with anything in it has most of, outside of quotes."""
    first = _BREAK.split(text.lstrip("\r\n \t"), maxsplit=1)[0]
    bare = re.sub(r'"(?:[^"]|"")*"', "", first)
    return max(SEPARATORS, key=bare.count)


def _reason(error: str) -> str:
    """What is wrong, in words for people who do not know Python's csv module."""
    if "expected after" in error:
        return "text follows a closing quote (a quote within a quoted cell is written twice)"
    if "unexpected end" in error:
        return "a quote is opened and never closed"
    if "field larger" in error:
        return "a cell is longer than 131 072 characters (is a quote never closed?)"
    return error


def decode_table(data: bytes) -> str:
    """The text of a table in UTF-8, or UTF-16 with its mark (Excel's 'Unicode text'). Raises UnicodeDecodeError."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16").removeprefix("\ufeff")
    return data.decode("utf-8-sig").removeprefix("\ufeff")


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
