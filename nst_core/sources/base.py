"""What a source (dataset) is: a list of items with stable ids, found without decoding a pixel."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePath


@dataclass(frozen=True, slots=True)
class Item:
    """One image of a source.

    Attributes:
        id: stable name within the source, the same on every machine: what pairings and manifests refer to.
        path: where its file is.
        label: class of a content image (sub-folder, category), if any.
        artist: display name of a style image's painter, if known.
        split: `train`, `val`, `test`, or None.
        genre, nationality: of a style image's painter, if known; several are joined by `, `.
        license: SPDX-like (`CC-BY-NC-2.0`) or as the source states it; None where nothing is known.
        source_url: where it comes from; what an attribution names.
        extras: further columns, carried through to Parquet with `x_` before their names.
        years: of a style image's painter, as the source has them (`1853–1890`), if known.
    """

    id: str
    path: Path
    label: str | None = None
    artist: str | None = None
    split: str | None = None
    genre: str | None = None
    nationality: str | None = None
    license: str | None = None
    source_url: str | None = None
    extras: tuple[tuple[str, str], ...] = ()
    years: str | None = None

    @property
    def genres(self) -> tuple[str, ...]:
        """The genres, one by one."""
        return tuple(part for text in (self.genre or "").split(",") if (part := text.strip()))


@dataclass(frozen=True)
class Catalogue:
    """The items of one source, sorted by id whatever order the file system lists them in.

    Attributes:
        notes: sentences for the person who reads them: artists without images, files that belong to nothing.
    """

    items: tuple[Item, ...]
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, items: Iterable[Item], notes: Iterable[str] = ()) -> Catalogue:
        return cls(tuple(sorted(items, key=lambda item: item.id)), tuple(notes))

    def by_id(self) -> dict[str, Item]:
        return {item.id: item for item in self.items}

    def by_artist(self) -> dict[str, list[Item]]:
        """Style items by artist; those without one are left out."""
        pools: dict[str, list[Item]] = {}
        for item in self.items:
            if item.artist:
                pools.setdefault(item.artist, []).append(item)
        return pools


def stable_id(relative: PurePath) -> str:
    """A source id from a relative path: `/` between parts, Unicode in NFC (macOS lists names decomposed)."""
    return unicodedata.normalize("NFC", path_text(PurePath(relative.as_posix())))


def path_text(path: PurePath) -> str:
    """A path as text that tables and JSON can hold: bytes that are not UTF-8 become `\\xe9`."""
    return os.fsencode(str(path)).decode("utf-8", "backslashreplace")


def is_text(path: PurePath) -> bool:
    """Whether a path can be told in Unicode, as almost all can."""
    return path_text(path) == str(path)
