"""`artists.csv`: facts of a run's artists, kept for galleries that are built where the dataset may be long gone."""

from __future__ import annotations

import csv
import io
import logging
from collections.abc import Mapping
from dataclasses import asdict, astuple, dataclass, fields
from pathlib import Path

from nst_core.sources.artist_names import artist_key
from nst_core.sources.csv_table import CsvFault, csv_record, decode_table, parse_csv
from nst_core.storage.atomic import write_if_changed
from nst_core.storage.names import ValuesByName
from nst_core.storage.regular_files import read_regular, read_regular_text

ARTISTS_FILE = "artists.csv"

log = logging.getLogger("nst")


@dataclass(frozen=True)
class ArtistFacts:
    """Facts of an artist from a source; None where it has none.

    Attributes:
        years: as the source has them: `1853–1890`.
        genre, nationality: several are joined by `, `.
    """

    years: str | None = None
    genre: str | None = None
    nationality: str | None = None

    def __bool__(self) -> bool:
        return any(astuple(self))

    @property
    def line(self) -> str:
        """All facts in one line: `1853–1890 · Post-Impressionism · Dutch`."""
        return " · ".join(value for value in astuple(self) if value)


_COLUMNS = ("artist", *(field.name for field in fields(ArtistFacts)))


def artist_facts(run_folder: Path) -> Mapping[str, ArtistFacts]:
    """The facts in `artists.csv` of a run folder, by the artist's name in any spelling; empty where there is none.

    People may edit the file: columns come in any order, and rows without an artist or without facts are passed over.
    """
    try:
        data = read_regular(run_folder / ARTISTS_FILE)
    except FileNotFoundError:
        return {}
    try:
        table = parse_csv(_decoded(data), strict=False)
    except CsvFault as fault:
        table = fault.before  # no reason to have no gallery
    header = [name.strip() for name in table.rows[0][1]] if table.rows else []
    facts = []
    for _, cells in table.rows[1:]:
        record = csv_record(header, cells)
        values = {name: (record.get(name) or "").strip() or None for name in _COLUMNS}
        artist = values.pop("artist")
        if artist and any(values.values()):
            facts.append((artist, ArtistFacts(**values)))
    return ValuesByName(facts, artist_key)


def _decoded(data: bytes) -> str:
    try:
        return decode_table(data)
    except UnicodeDecodeError:
        return data.decode("utf-8-sig", "replace")


def record_artist_facts(run_folder: Path, facts: Mapping[str, ArtistFacts]) -> None:
    """Append the artists that `artists.csv` does not have yet, atomically. What is there stays, byte for byte.

    People may edit the file: columns that they removed are left out, and where it is not CSV in UTF-8 with a column
    `artist` nothing is added, and that is logged. No file is made where nothing is known. Raises as
    `nst_core.storage.atomic.write_bytes_atomic`.
    """
    known = {name: new for artist, new in facts.items() if new and (name := _as_written(artist))}
    if not known:
        return
    path = run_folder / ARTISTS_FILE
    try:
        text = _added(_text(path), known)
    except ValueError as error:
        log.warning("%s is left as it is, without the run's new artists: %s.", path, error)
        return
    write_if_changed(path, text.encode("utf-8", "replace"))


def _text(path: Path) -> str:
    try:
        return read_regular_text(path)
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8") from None


def _added(text: str, facts: Mapping[str, ArtistFacts]) -> str:
    """The text of the table with the artists that it lacks. Raises ValueError."""
    if not text.strip("\ufeff\r\n "):
        text += ",".join(_COLUMNS) + "\n"
    table = parse_csv(text.removeprefix("\ufeff"), strict=False)
    header = table.rows[0][1]
    if "artist" not in header:
        raise ValueError("it has no column `artist`")
    place = header.index("artist")
    present = {artist_key(row[place]) for _, row in table.rows[1:] if len(row) > place}
    newline = "\r\n" if "\r\n" in text else "\n"
    buffer = io.StringIO()
    writer = csv.DictWriter(
        buffer, header, restval="", extrasaction="ignore", lineterminator=newline, delimiter=table.separator
    )
    new = {artist_key(name): name for name in sorted(facts, reverse=True)}
    writer.writerows(
        {"artist": name, **asdict(facts[name])} for name in sorted(new[key] for key in new.keys() - present)
    )
    added = buffer.getvalue()
    return text + (newline if added and not text.endswith("\n") else "") + added


def _as_written(name: str) -> str:
    return name.encode("utf-8", "replace").decode("utf-8").strip()
