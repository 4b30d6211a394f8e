"""`artists.csv`: facts of a run's artists, kept for galleries that are built where the dataset may be long gone."""

from __future__ import annotations

import contextlib
import csv
import io
import logging
from collections.abc import Mapping
from dataclasses import asdict, astuple, dataclass, fields
from pathlib import Path

from nst_core.storage.atomic import write_if_changed
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


def artist_facts(run_folder: Path) -> dict[str, ArtistFacts]:
    """The facts in `artists.csv` of a run folder, by the artist's display name; empty where there is none.

    People may edit the file: columns come in any order, and rows without an artist or without facts are passed over.
    """
    try:
        text = read_regular(run_folder / ARTISTS_FILE).decode("utf-8-sig", "replace")
    except FileNotFoundError:
        return {}
    facts = {}
    with contextlib.suppress(csv.Error):  # no reason to have no gallery
        for record in csv.DictReader(io.StringIO(text, newline="")):
            values = {name: (record.get(name) or "").strip() or None for name in _COLUMNS}
            artist = values.pop("artist")
            if artist and any(values.values()):
                facts[artist] = ArtistFacts(**values)
    return facts


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
    except (ValueError, csv.Error) as error:
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
    """The text of the table with the artists that it lacks. Raises csv.Error, ValueError."""
    if not text.strip("\ufeff\r\n "):
        text += ",".join(_COLUMNS) + "\n"
    header, *rows = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""))
    if "artist" not in header:
        raise ValueError("it has no column `artist`, separated from others by commas")
    place = header.index("artist")
    present = {row[place].strip() for row in rows if len(row) > place}
    newline = "\r\n" if "\r\n" in text else "\n"
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, header, restval="", extrasaction="ignore", lineterminator=newline)
    writer.writerows({"artist": name, **asdict(facts[name])} for name in sorted(facts.keys() - present))
    new = buffer.getvalue()
    return text + (newline if new and not text.endswith("\n") else "") + new


def _as_written(name: str) -> str:
    return name.encode("utf-8", "replace").decode("utf-8").strip()
