"""The record of an artist's pages, `made.json` beside them: the next build passes over what has not changed."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from nst_core.run_folder.quality import quality_file
from nst_core.run_folder.results import chunk_of
from nst_core.storage.atomic import write_if_changed
from nst_core.storage.listed_states import ListedStates
from nst_core.storage.paths import NO_FILE, FileState, is_local
from nst_core.storage.regular_files import read_regular
from nst_core.views.gallery.cover_pictures import CoverPicture
from nst_core.views.kept_records import KeptRecords
from nst_core.views.runs import Artist
from nst_core.views.thumbnails import Thumbnail

RECORD_FILE = "made.json"
_FORMAT = 1
_REASONS = 1000


@dataclass(frozen=True)
class BuildRecord:
    """An artist's pages, and what they were made from.

    Attributes:
        made_from: digest of what decides the pages, apart from the results' files.
        left_out: rows without a picture by (status, reason).
        originals: run's key and file name of every result that the pages show or miss.
        originals_state: digest of the states of those files.
        incomplete: whether pictures were missing, which may be there the next time.
        thumbnails: keys of all thumbnails on the pages.
        described: sha256 of `pictures.json`; None where there is none, or the record is older.
    """

    made_from: str
    genres: tuple[str, ...]
    pictures: int
    left_out: Counter[tuple[str, str]]
    covers: tuple[CoverPicture, ...]
    pages: tuple[str, ...]
    originals: tuple[tuple[str, str], ...]
    originals_state: str
    incomplete: bool
    thumbnails: tuple[str, ...]
    described: str | None = None


class BuildRecords:
    """The `made.json` of all artists of a gallery. Those at a store are kept in its `records.json`, too.

    There an entry counts for as long as the artist's `made.json` has the state that it had.
    """

    def __init__(self, gallery: Path, states: ListedStates, kept: KeptRecords) -> None:
        self._gallery, self._states = gallery, states
        self._kept = {} if is_local(gallery) else kept.section("pages")
        self._records: dict[str, BuildRecord | None] = {}
        self._unkept: list[str] = []

    def read(self, slug: str) -> BuildRecord | None:
        """The record of an artist; None where there is none, or an older or damaged one."""
        if slug not in self._records:
            self._records[slug] = self._read(slug)
        return self._records[slug]

    def write(self, slug: str, record: BuildRecord) -> None:
        """Write `made.json`, the last of an artist's files."""
        path = self._gallery / slug / RECORD_FILE
        write_if_changed(path, json.dumps(_as_json(record), separators=(",", ":")).encode())
        self._states.forget(path)
        self._records[slug] = record
        self._unkept.append(slug)

    def keep(self, slugs: Collection[str]) -> None:
        """Bring the entries of `records.json` up to date: those of these artists, and no others."""
        if is_local(self._gallery):
            return
        for slug in self._kept.keys() - slugs:
            del self._kept[slug]
        paths = {slug: self._gallery / slug / RECORD_FILE for slug in self._unkept if slug in slugs}
        states = self._states.states(paths.values())
        for slug, path in paths.items():
            if (record := self._records[slug]) is not None:
                self._kept[slug] = [list(states[path]), _as_json(record)]

    def _read(self, slug: str) -> BuildRecord | None:
        path = self._gallery / slug / RECORD_FILE
        if is_local(path):
            return read_build_record(path.parent)
        state = self._states.state(path)
        if state == NO_FILE:
            return None
        entry = self._kept.get(slug)
        if isinstance(entry, list) and len(entry) == 2 and entry[0] == list(state):
            return _record_or_none(entry[1])
        self._unkept.append(slug)
        return read_build_record(path.parent)


def read_build_record(folder: Path) -> BuildRecord | None:
    """Read `made.json` of an artist's folder; None where there is none, or an older or damaged one."""
    try:
        return _record_or_none(json.loads(read_regular(folder / RECORD_FILE)))
    except (OSError, ValueError):
        return None


def _record_or_none(data: Any) -> BuildRecord | None:
    try:
        return _parse(dict(data)) if data["format"] == _FORMAT else None
    except (ValueError, KeyError, TypeError, IndexError):
        return None


def _as_json(record: BuildRecord) -> dict[str, Any]:
    """The record in values that JSON has. Of many reasons for missing pictures the commonest are kept."""
    left_out = [[*key, count] for key, count in record.left_out.most_common(_REASONS)]
    covers = [asdict(cover) for cover in record.covers]
    return vars(record) | {"format": _FORMAT, "left_out": left_out, "covers": covers}


def source_files(artist: Artist) -> list[Path]:
    """The files that decide an artist's pages: of results, and of their quality, whether they are there or not."""
    return [
        file
        for partition in artist.partitions
        for results in partition.files
        for file in (results, quality_file(partition.run.folder, chunk_of(results)))
    ]


def sources_digest(artist: Artist, states: Mapping[Path, FileState], settings: Any) -> str:
    """A digest of all that decides an artist's pages: the templates, the parts of its results, and some settings."""
    parts = [
        [partition.run.key, partition.run.name, partition.slug, file.name, *states[file], *states[quality]]
        for partition in artist.partitions
        for file in partition.files
        for quality in [quality_file(partition.run.folder, chunk_of(file))]
    ]
    return _digest([_FORMAT, templates_digest(), artist.slug, parts, settings])


def states_digest(states: Iterable[FileState]) -> str:
    """A digest of the states of files, in order."""
    return _digest([list(state) for state in states])


@cache
def templates_digest() -> str:
    """A digest of the templates, styles and scripts that all pages are made by."""
    texts = []
    for package in ("nst_core.views.gallery", "nst_core.views.web"):
        entries = sorted(files(package).joinpath("templates").iterdir(), key=lambda entry: entry.name)
        texts += [[entry.name, entry.read_text("utf-8")] for entry in entries]
    return _digest(texts)


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:16]


def _parse(data: dict[str, Any]) -> BuildRecord:
    del data["format"]
    data["left_out"] = Counter({(status, reason): count for status, reason, count in data["left_out"]})
    data["covers"] = tuple(_parse_cover(**cover) for cover in data["covers"])
    data["originals"] = tuple((run, name) for run, name in data["originals"])
    for name in ("genres", "pages", "thumbnails"):
        data[name] = tuple(data[name])
    return BuildRecord(**data)


def _parse_cover(thumbnail: dict[str, Any], **cover: Any) -> CoverPicture:
    sizes = tuple((name, width, height) for name, width, height in thumbnail["sizes"])
    return CoverPicture(thumbnail=Thumbnail(sizes), **cover)
