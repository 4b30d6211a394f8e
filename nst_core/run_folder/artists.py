"""What is known of a run's artists, kept in the run folder: a gallery is built where the dataset may be long gone."""

from __future__ import annotations

import contextlib
import csv
import io
import logging
from collections.abc import Mapping
from dataclasses import asdict, astuple, dataclass, fields
from pathlib import Path

from nst_core.run_folder.edited_table import EditedTable
from nst_core.storage.atomic import write_if_changed

ARTISTS_FILE = "artists.csv"

log = logging.getLogger("nst")


@dataclass(frozen=True)
class ArtistFacts:
    """What a source knows of an artist; None where it says nothing.

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
        """All of it, as it stands below a name: `1853–1890 · Post-Impressionism · Dutch`."""
        return " · ".join(value for value in astuple(self) if value)


_COLUMNS = ("artist", *(field.name for field in fields(ArtistFacts)))


def artist_facts(run_folder: Path) -> dict[str, ArtistFacts]:
    """What `artists.csv` of a run folder says, by the artist's display name; empty where there is none.

    People may edit the file: columns in any order, and rows that name nobody or tell nothing are passed over.
    """
    try:
        text = (run_folder / ARTISTS_FILE).read_bytes().decode("utf-8-sig", "replace")
    except FileNotFoundError:
        return {}
    facts = {}
    with contextlib.suppress(csv.Error):  # no reason to have no gallery
        for record in csv.DictReader(io.StringIO(text, newline="")):
            told = {name: (record.get(name) or "").strip() or None for name in _COLUMNS}
            artist = told.pop("artist")
            if artist and any(told.values()):
                facts[artist] = ArtistFacts(**told)
    return facts


def record_artist_facts(run_folder: Path, facts: Mapping[str, ArtistFacts]) -> None:
    """Add to `artists.csv` what a run has learned, atomically; of an artist known before, what is new counts.

    Rows, their order, and columns of other names stay as they are: people may edit the file. One that cannot be read
    whole is left alone, and that is logged. No file is made where nothing is known. Raises as
    `nst_core.storage.atomic.write_bytes_atomic`.
    """
    learned = {name: new for artist, new in facts.items() if new and (name := _as_written(artist))}
    if not learned:
        return
    path = run_folder / ARTISTS_FILE
    try:
        table = EditedTable.read(path, _COLUMNS)
    except ValueError as error:
        log.warning("%s is left as it is, without what is now known of the run's artists: %s.", path, error)
        return
    known = artist_facts(run_folder)
    for artist in sorted(learned):
        table.set(artist, asdict(_updated(known.get(artist, ArtistFacts()), learned[artist])))
    if table.changed:
        write_if_changed(path, table.as_bytes())


def _updated(known: ArtistFacts, new: ArtistFacts) -> ArtistFacts:
    return ArtistFacts(new.years or known.years, new.genre or known.genre, new.nationality or known.nationality)


def _as_written(name: str) -> str:
    return name.encode("utf-8", "replace").decode("utf-8").strip()
