"""A CSV table that we add to and people edit: whatever else is in it stays as it is, and where it is."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

_BOM = "\ufeff"


class EditedTable:
    """The cells of a table, row by row.

    Attributes:
        changed: whether anything was set that was not there.
    """

    def __init__(self, rows: Sequence[Sequence[str]], key: str, bom: str = "", newline: str = "\n") -> None:
        self._header, self._rows = list(rows[0]), [list(row) for row in rows[1:]]
        self._key, self._bom, self._newline = self._column(key), bom, newline
        self._place = {row[self._key].strip(): n for n, row in enumerate(self._rows) if len(row) > self._key}
        self.changed = False

    @classmethod
    def read(cls, path: Path, columns: Sequence[str]) -> EditedTable:
        """The table at `path`; an empty one with these columns, of which the first is the key, where there is none.

        Raises:
            ValueError: it cannot be read without loss; says why.
        """
        try:
            text = path.read_bytes().decode("utf-8")
        except FileNotFoundError:
            text = ""
        except UnicodeDecodeError:
            raise ValueError("it is not UTF-8") from None
        bom, text = (_BOM, text[1:]) if text.startswith(_BOM) else ("", text)
        if not text.strip():
            return cls([columns], columns[0], bom)
        try:
            rows = list(csv.reader(io.StringIO(text, newline="")))
        except csv.Error as error:
            raise ValueError(f"it is not sound as CSV ({error})") from error
        if columns[0] not in rows[0]:
            raise ValueError(f"it has no column `{columns[0]}`, separated from others by commas")
        return cls(rows, columns[0], bom, "\r\n" if "\r\n" in text else "\n")

    def set(self, key: str, cells: Mapping[str, str | None]) -> None:
        """Set these cells of the last row with this key, or of a new one at the end; None leaves a cell as it is."""
        if key not in self._place:
            self._place[key] = len(self._rows)
            self._rows.append([])
            self._set(self._rows[-1], self._key, key)
        row = self._rows[self._place[key]]
        for name, value in cells.items():
            if value:
                self._set(row, self._column(name), value)

    def as_bytes(self) -> bytes:
        """The whole table as a file; what UTF-8 cannot hold becomes `?`."""
        buffer = io.StringIO()
        rows = [row + [""] * (len(self._header) - len(row)) if row else row for row in self._rows]
        csv.writer(buffer, lineterminator=self._newline).writerows([self._header, *rows])
        return (self._bom + buffer.getvalue()).encode("utf-8", "replace")

    def _column(self, name: str) -> int:
        if name not in self._header:
            self._header.append(name)
        return len(self._header) - 1 - self._header[::-1].index(name)  # of two by one name, the last is read

    def _set(self, row: list[str], column: int, value: str) -> None:
        row += [""] * (column + 1 - len(row))
        if row[column].strip() != value.strip():
            row[column], self.changed = value.strip(), True
