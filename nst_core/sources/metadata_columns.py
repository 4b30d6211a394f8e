"""Columns of a metadata table by what they mean: `File Name`, `fileName` and `file_name` are one."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from nst_core.sources.licenses import UNKNOWN_TERM, license_id
from nst_core.sources.wording import quantity, short_list

FILE_NAME = "file_name"
_KNOWN = (FILE_NAME, "label", "split", "artist", "genre", "nationality", "license", "source_url", "years")
_OTHER_SPELLINGS = {"licence": "license"}
_FURTHER_PICTURES = ("_file_name", "_file_names", "file_names")
_STYLIZED = ("content_license", "style_license")
"""The columns of what `nst export` writes, where a picture has the terms of both."""

_NOTHING = frozenset({"nan", "NaN", "null", "NULL", "None", "<NA>", "#N/A", "N/A", "n/a", "NA", "-nan", "-NaN"})
"""Cells of the known columns that are empty, as pandas and Hugging Face read (and write) them."""


@dataclass(frozen=True, slots=True)
class MetadataRow:
    """The cells of one file's row, None where empty; extras are the other columns, unchanged.

    Attributes:
        folder: that of its table, relative to the source's.
        columns: the known ones that the table has.
    """

    label: str | None = None
    split: str | None = None
    artist: str | None = None
    genre: str | None = None
    nationality: str | None = None
    license: str | None = None
    source_url: str | None = None
    years: str | None = None
    extras: tuple[tuple[str, str], ...] = ()
    folder: str = ""
    columns: frozenset[str] = frozenset()

    def decides(self, column: str, folder: str) -> bool:
        """Whether the table lies in `folder` or below and has the column: the folder's own name then means nothing."""
        return column in self.columns and f"{self.folder}/".startswith(f"{folder}/")


class MetadataColumns:
    """The columns of one table."""

    def __init__(self, names: Sequence[str], folder: str, table: str) -> None:
        self._names = tuple(names)
        self._folder = folder
        self._table = table
        self._known = match_columns(names)
        self._stylized = [name for name in _STYLIZED if name in names]
        used = {name for column, name in self._known.items() if column != "years"}
        self._extras = [name for name in names if name not in used]
        self._columns = frozenset(self._known)
        self._emptied: Counter[str] = Counter()

    @property
    def has_file_name(self) -> bool:
        return FILE_NAME in self._known

    def file_name(self, record: Mapping[str, str]) -> str:
        return record[self._known[FILE_NAME]].strip()

    def row(self, record: Mapping[str, str]) -> MetadataRow:
        """The cells of a record by their meaning."""
        cells = {column: self._cell(record, column) for column in _KNOWN[1:]}
        cells["license"] = license_id(None, cells["license"] or self._license_of_both(record))
        cells["source_url"] = cells["source_url"] or record.get("content_source_url", "").strip() or None
        extras = tuple((name, record[name]) for name in self._extras)
        return MetadataRow(**cells, extras=extras, folder=self._folder, columns=self._columns)

    def notes(self) -> list[str]:
        """Sentences on what was not read as it stands, once all rows have been read."""
        notes = []
        if further := [name for name in self._extras if name.casefold().endswith(_FURTHER_PICTURES)]:
            notes.append(
                f"Left out: the further pictures that {self._table} names in {_listing(further)}; "
                "the names are carried along as text."
            )
        taken = {name: column for column, name in self._known.items()}
        for name in self._extras:
            if name not in taken and (column := _meaning(name)) is not None:
                notes.append(
                    f"Left out: column {name!r} of {self._table} is carried along as text, since "
                    f"{self._known[column]!r} is read as {column}."
                )
        if self._emptied:
            cells = quantity(self._emptied.total(), "cell")
            notes.append(f"Read as empty: {cells} of {self._table} with {_listing(self._emptied)}.")
        return notes

    def _cell(self, record: Mapping[str, str], column: str) -> str | None:
        name = self._known.get(column)
        text = record[name].strip() if name is not None else ""
        if text in _NOTHING:
            self._emptied[text] += 1
            return None
        if column in ("genre", "nationality") and text.startswith('["'):  # a list, from JSON or Parquet
            text = text.strip("[]").replace('"', "")
        return text or None

    def _license_of_both(self, record: Mapping[str, str]) -> str | None:
        """The licences of a stylized picture's photograph and painting, joined."""
        if "license" in self._known or not self._stylized:
            return None
        unstylized = record.get("style_ids") == "[]"
        names = self._stylized[:1] if unstylized else self._stylized
        parts = [license_id(None, record[name]) for name in names]
        return ";".join(dict.fromkeys(part or UNKNOWN_TERM for part in parts)) if any(parts) else None


def match_columns(names: Sequence[str]) -> dict[str, str]:
    """The names of known columns by what they mean: the exact name, else the first that differs in its spelling."""
    found = {column: column for column in _KNOWN if column in names}
    for name in names:
        column = _meaning(name)
        if column is not None:
            found.setdefault(column, name)
    return found


def _meaning(name: str) -> str | None:
    """The known column that a name means, without differences of case, spaces, `_`, `-` and width."""
    key = _spelling(name)
    key = _OTHER_SPELLINGS.get(key, key)
    return next((column for column in _KNOWN if _spelling(column) == key), None)


def _spelling(name: str) -> str:
    return re.sub(r"[\s_-]+", "", unicodedata.normalize("NFKC", name).casefold())


def _listing(names: Iterable[str]) -> str:
    return short_list([repr(name) for name in names])
