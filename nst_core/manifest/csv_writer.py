"""The writer of manifests. Rows are taken one by one: there may be millions."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from nst_core.manifest.checks import COLUMNS
from nst_core.manifest.row import ManifestRow
from nst_core.manifest.style_cell import StyleRef, format_styles, number_text
from nst_core.storage.atomic import atomic_path
from nst_core.storage.regular_files import read_regular

_FORMULA = re.compile(r"[=@]|[+-](?!\d+(?:[.,]\d+)?$)")


def write_manifest(rows: Iterable[ManifestRow], path: Path) -> int:
    """Write rows as CSV: the known columns that any row uses, then the extra ones; returns the number of rows.

    In UTF-8, with a byte-order mark where anything is not ASCII: without it, Excel takes the text for its old encoding.
    Names stay what they are, also those that a spreadsheet takes for formulas (`formula_note`).

    Raises:
        DiskFull, OSError: it cannot be written; nothing remains of the attempt.
    """
    columns = _CsvColumns()
    for row in rows:
        columns.add(row)
    encoding = "utf-8" if columns.is_ascii else "utf-8-sig"
    with atomic_path(path) as temporary, temporary.open("w", encoding=encoding, newline="") as file:
        quoting: Literal[0, 1] = csv.QUOTE_ALL if columns.has_returns else csv.QUOTE_MINIMAL
        writer = csv.writer(file, lineterminator="\n", quoting=quoting)
        names = columns.used()
        writer.writerow(names)
        writer.writerows(zip(*(columns.texts[name] for name in names), strict=True))
    return columns.rows


def formula_note(path: Path) -> str | None:
    """A warning where cells of a manifest that was written begin as formulas do; None where none does."""
    text = io.StringIO(read_regular(path).decode("utf-8-sig"), newline="")
    if not any(_FORMULA.match(cell) for row in csv.reader(text) for cell in row):
        return None
    return (
        f"Cells of {path} begin with =, +, - or @, which spreadsheets take for formulas: there, import the columns as "
        "text, or the file is not the same when it is saved."
    )


class _CsvColumns:
    """The cells of all rows, column by column: rows share most of their texts."""

    def __init__(self) -> None:
        self.rows = 0
        self.texts: dict[str, list[str]] = {name: [] for name in COLUMNS}
        self.is_ascii = True
        self.has_returns = False  # csv leaves cells with a bare carriage return unquoted, and nobody could read them
        self._filled: set[str] = set()
        self._styles: dict[int, tuple[tuple[StyleRef, ...], str]] = {}  # the styles are kept, so that ids stay theirs
        self._shared: dict[str, str] = {}

    def add(self, row: ManifestRow) -> None:
        cells = {
            "content": row.content,
            "style": self._style_text(row.styles),
            "artist": row.artist,
            "label": row.label,
            "split": row.split,
            "style_weight": row.overrides.style_weight,
            "content_weight": row.overrides.content_weight,
            "strength": row.overrides.strength,
            "size": row.overrides.size,
            "seed": row.overrides.seed,
            "replicate": row.replicate or None,
            **row.extras,
        }
        for name in row.extras:
            if name not in self.texts:
                self.texts[self._shared_text(name)] = [""] * self.rows
        for name, texts in self.texts.items():
            value = cells.get(name)
            texts.append("" if value is None else self._shared_text(value))
            if value is not None:
                self._filled.add(name)
        self.rows += 1

    def used(self) -> list[str]:
        """The columns that have a value in any row."""
        return [name for name in self.texts if name in self._filled or name in ("content", "style")]

    def _style_text(self, styles: tuple[StyleRef, ...]) -> str:
        if id(styles) not in self._styles:
            self._styles[id(styles)] = (styles, format_styles(styles))
        return self._styles[id(styles)][1]

    def _shared_text(self, value: str | float) -> str:
        text = value if isinstance(value, str) else number_text(value) if isinstance(value, float) else str(value)
        if text not in self._shared:
            self._shared[text] = text
            self.has_returns = self.has_returns or "\r" in text
            self.is_ascii = self.is_ascii and text.isascii()
        return self._shared[text]
