"""The writer of manifests. Rows are taken one by one: there may be millions."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from nst_core.manifest.checks import COLUMNS
from nst_core.manifest.row import ManifestRow
from nst_core.manifest.style_cell import StyleRef, format_styles, number_text
from nst_core.storage.atomic import atomic_path


def write_manifest(rows: Iterable[ManifestRow], path: Path) -> int:
    """Write rows as CSV: the known columns that any row uses, then the extra ones; returns the number of rows.

    Raises:
        DiskFull, OSError: it cannot be written; nothing remains of the attempt.
    """
    columns = _CsvColumns()
    for row in rows:
        columns.add(row)
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        quoting: Literal[0, 1] = csv.QUOTE_ALL if columns.has_returns else csv.QUOTE_MINIMAL
        writer = csv.writer(file, lineterminator="\n", quoting=quoting)
        names = columns.used()
        writer.writerow(names)
        writer.writerows(zip(*(columns.texts[name] for name in names), strict=True))
    return columns.rows


class _CsvColumns:
    """The cells of all rows, column by column: rows share most of their texts."""

    def __init__(self) -> None:
        self.rows = 0
        self.texts: dict[str, list[str]] = {name: [] for name in COLUMNS}
        self.has_returns = False  # csv leaves cells with a bare carriage return unquoted, and nobody could read them
        self._filled = {"content", "style"}
        self._styles: dict[int, tuple[tuple[StyleRef, ...], str]] = {}  # the styles are kept, so that ids stay theirs
        self._shared: dict[str, str] = {}

    def add(self, row: ManifestRow) -> None:
        overrides, texts = row.overrides, self.texts
        texts["content"].append(self._text(row.content))
        texts["style"].append(self._style_text(row.styles))
        self._add("artist", row.artist)
        self._add("label", row.label)
        self._add("split", row.split)
        self._add("style_weight", overrides.style_weight)
        self._add("content_weight", overrides.content_weight)
        self._add("size", overrides.size)
        self._add("seed", overrides.seed)
        self._add("replicate", row.replicate or None)
        for name, value in row.extras.items():
            if name not in texts:
                texts[self._text(name)] = [""] * self.rows
            self._filled.add(name)
            texts[name].append(self._text(value))
        self.rows += 1
        if len(texts) > len(COLUMNS):
            for name in texts.keys() - set(COLUMNS) - row.extras.keys():
                texts[name].append("")

    def used(self) -> list[str]:
        return [name for name in self.texts if name in self._filled]

    def _add(self, name: str, value: str | float | None) -> None:
        if value is None:
            self.texts[name].append("")
            return
        self._filled.add(name)
        self.texts[name].append(self._text(number_text(value) if isinstance(value, float) else str(value)))

    def _style_text(self, styles: tuple[StyleRef, ...]) -> str:
        if id(styles) not in self._styles:
            self._styles[id(styles)] = (styles, self._text(format_styles(styles)))
        return self._styles[id(styles)][1]

    def _text(self, value: str) -> str:
        if value not in self._shared:
            self._shared[value] = value
            self.has_returns = self.has_returns or "\r" in value
        return self._shared[value]
