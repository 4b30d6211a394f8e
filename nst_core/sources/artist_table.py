"""Reader of Kaggle's own `artists.csv` (not the run folder's): years, nationality and genres of each artist."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from nst_core.errors import SourceError
from nst_core.sources.artist_names import repair_encoding, spelling_key
from nst_core.sources.csv_table import csv_record, csv_rows, decode_table
from nst_core.sources.wording import short_list
from nst_core.storage.names import normal_name
from nst_core.storage.regular_files import read_regular

ARTIST_TABLE = "artists.csv"
_REQUIRED = ("name", "years", "genre", "nationality")
_DASHES = re.compile(r"\s*[-‐‑‒–—−]\s*")


@dataclass(frozen=True, slots=True)
class ArtistRow:
    """One artist.

    Attributes:
        years: of birth and death, as `1853–1890`, whatever dash the table has.
    """

    name: str
    years: str | None
    genres: tuple[str, ...]
    nationalities: tuple[str, ...]


def read_artist_table(path: Path) -> tuple[list[ArtistRow], list[str]]:
    """The artists of a table in its order, and notes on rows that are left out (without a name, or repeated).

    Raises:
        SourceError: it cannot be read, lacks columns, or names nobody.
    """
    artists: dict[str, ArtistRow] = {}
    nameless, repeated = [], []
    for number, record in _records(path):
        row = _row(record)
        if not row.name:
            nameless.append(str(number))
        elif spelling_key(row.name) in artists:
            repeated.append(f"{row.name} (row {number})")
        else:
            artists[spelling_key(row.name)] = row
    if not artists:
        raise SourceError(f"{path} names no artist.")
    notes = []
    if nameless:
        notes.append(f"{path.name}: without a name, left out: row {short_list(nameless)}.")
    if repeated:
        notes.append(f"{path.name}: named before, left out: {short_list(repeated)}.")
    return list(artists.values()), notes


def _row(record: Mapping[str, str]) -> ArtistRow:
    return ArtistRow(
        normal_name(repair_encoding(record["name"].replace("_", " "))),
        _DASHES.sub("–", record["years"]) or None,
        _values(record["genre"]),
        _values(record["nationality"]),
    )


def _values(cell: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(value for part in cell.split(",") if (value := normal_name(part))))


def _records(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows by column, each with its number in a spreadsheet."""
    rows = csv_rows(path, _read(path), strict=False).rows
    header = [name.strip().casefold() for name in rows[0][1]] if rows else []
    missing = [name for name in _REQUIRED if name not in header]
    if missing:
        lacks = f"the column{'s' if len(missing) > 1 else ''} {', '.join(map(repr, missing))}"
        found = f"it has {', '.join(map(repr, header))}" if header else "it is empty"
        raise SourceError(f"The table of artists {path} lacks {lacks}; {found}.")
    for number, cells in rows[1:]:
        yield number, {name: cell.strip() for name, cell in csv_record(header, cells).items()}


def _read(path: Path) -> str:
    """The table's text, decoded from UTF-16, UTF-8 or else cp1252."""
    try:
        data = read_regular(path)
    except OSError as error:
        raise SourceError(f"The table of artists {path} cannot be read: {error.strerror}.") from error
    try:
        return decode_table(data)
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")
