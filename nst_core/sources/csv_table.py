"""CSV tables as spreadsheets save them, with commas, semicolons or tabs between the cells."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from nst_core.errors import SourceError


def csv_rows(path: Path, text: str, strict: bool = True) -> list[tuple[int, list[str]]]:
    """The rows of a table that are not empty, each with its number in a spreadsheet.

    Args:
        path: for the error message.
        text: of the table; the separator is the one that its first line has most of.
        strict: refuse malformed quoting.

    Raises:
        SourceError: it is not valid CSV.
    """
    first_line = text.lstrip("\r\n").partition("\n")[0]
    separator = max((",", ";", "\t"), key=first_line.count)
    try:
        rows = list(enumerate(csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=strict), start=1))
    except csv.Error as error:
        raise SourceError(f"{path} is not valid CSV: {error}.") from error
    return [(number, cells) for number, cells in rows if any(cell.strip() for cell in cells)]


def csv_record(header: Sequence[str], cells: Sequence[str]) -> dict[str, str]:
    """The cells of a row by the names of their columns; cells that are lacking are empty, further ones left out."""
    return dict(zip(header, [*cells, *[""] * (len(header) - len(cells))], strict=False))
