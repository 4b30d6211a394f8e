"""What an artist's pages were made from and of: `made.json` beside them, by which the next build passes them over."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from nst_core.storage.atomic import write_if_changed
from nst_core.storage.paths import FileState
from nst_core.views.gallery.covers import Cover
from nst_core.views.runs import Artist
from nst_core.views.thumbnails import Thumbnail

MADE_FILE = "made.json"
_FORMAT = 1
_REASONS = 1000


@dataclass(frozen=True)
class BuiltPages:
    """The outcome of making an artist's pages.

    Attributes:
        made_from: digest of what decides them, apart from the results' files.
        originals: run's key and file name of every result that the pages show or miss.
        originals_state: digest of what those files were like.
        incomplete: pictures were missing, which may be there the next time.
        thumbnails: keys of all that the pages show.
    """

    made_from: str
    genres: tuple[str, ...]
    pictures: int
    left_out: Counter[tuple[str, str]]
    covers: tuple[Cover, ...]
    pages: tuple[str, ...]
    originals: tuple[tuple[str, str], ...]
    originals_state: str
    incomplete: bool
    thumbnails: tuple[str, ...]


def read_build_record(folder: Path) -> BuiltPages | None:
    """What `made.json` in an artist's folder says; None where there is none, or an older or damaged one."""
    try:
        told: Any = json.loads((folder / MADE_FILE).read_bytes())
        return _made(told) if told["format"] == _FORMAT else None
    except (OSError, ValueError, KeyError, TypeError, IndexError):
        return None


def write_build_record(folder: Path, made: BuiltPages) -> None:
    """Write `made.json`, the last of an artist's files. Of many reasons for missing pictures the commonest are kept."""
    left_out = [[*key, count] for key, count in made.left_out.most_common(_REASONS)]
    plain = {field.name: getattr(made, field.name) for field in fields(made)}
    told = plain | {"format": _FORMAT, "left_out": left_out, "covers": [asdict(cover) for cover in made.covers]}
    write_if_changed(folder / MADE_FILE, json.dumps(told, separators=(",", ":")).encode())


def sources_digest(artist: Artist, states: Mapping[Path, FileState], told: Any) -> str:
    """Names all that decides an artist's pages: the templates, the parts of its results, and what else is `told`."""
    parts = [
        [partition.run.key, partition.run.name, partition.slug, file.name, *states[file]]
        for partition in artist.partitions
        for file in partition.files
    ]
    return _digest([_FORMAT, _templates(), artist.slug, parts, told])


def states_digest(states: Iterable[FileState]) -> str:
    """Names the states of files, in order."""
    return _digest([list(state) for state in states])


@cache
def _templates() -> str:
    texts = []
    for package in ("nst_core.views.gallery", "nst_core.views.web"):
        entries = sorted(files(package).joinpath("templates").iterdir(), key=lambda entry: entry.name)
        texts += [[entry.name, entry.read_text("utf-8")] for entry in entries]
    return _digest(texts)


def _digest(told: Any) -> str:
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16]


def _made(told: dict[str, Any]) -> BuiltPages:
    del told["format"]
    told["left_out"] = Counter({(status, reason): count for status, reason, count in told["left_out"]})
    told["covers"] = tuple(_cover(cover) for cover in told["covers"])
    told["originals"] = tuple((run, name) for run, name in told["originals"])
    for name in ("genres", "pages", "thumbnails"):
        told[name] = tuple(told[name])
    return BuiltPages(**told)


def _cover(told: dict[str, Any]) -> Cover:
    sizes = tuple((name, width, height) for name, width, height in told.pop("thumbnail")["sizes"])
    return Cover(thumbnail=Thumbnail(sizes), **told)
