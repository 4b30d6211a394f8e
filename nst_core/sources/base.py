"""The items of a source (dataset): images with stable ids, found without decoding a pixel."""

from __future__ import annotations

import contextlib
import os
import sys
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePath

from nst_core.errors import SourceError


@dataclass(frozen=True, slots=True)
class Item:
    """One image of a source.

    Attributes:
        id: stable name within the source, the same on every machine: pairings and manifests refer to it.
        path: of its file.
        label: class of a content image (sub-folder, category), if any.
        artist: display name of a style image's painter, if known.
        split: `train`, `val`, `test`, or None.
        genre, nationality: of a style image's painter, if known; several are joined by `, `.
        license: SPDX-like (`CC-BY-NC-2.0`) or as the source states it; None where nothing is known.
        source_url: the address that an attribution names.
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
    """The items of one source, sorted by id, and notes.

    Attributes:
        notes: sentences for the user, such as on artists without images or files that are left out.
    """

    items: tuple[Item, ...]
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, items: Iterable[Item], notes: Iterable[str] = ()) -> Catalogue:
        return cls(tuple(sorted(items, key=lambda item: item.id)), tuple(notes))

    def by_id(self) -> dict[str, Item]:
        return {item.id: item for item in self.items}

    def by_artist(self) -> dict[str, list[Item]]:
        """Style items by artist, without those that have none."""
        pools: dict[str, list[Item]] = {}
        for item in self.items:
            if item.artist:
                pools.setdefault(item.artist, []).append(item)
        return pools


def source_id(relative: str) -> str:
    """The id of a file by its relative path (with `/`), in Unicode's NFC: macOS lists names decomposed."""
    return relative if relative.isascii() else unicodedata.normalize("NFC", path_text(relative))


def path_text(path: PurePath | str) -> str:
    """A path as text that tables and JSON can hold: bytes that are not UTF-8 become `\\xe9`."""
    return os.fsencode(str(path)).decode("utf-8", "backslashreplace")


def is_utf8(path: PurePath) -> bool:
    """Whether a path is valid Unicode, as almost all are."""
    return path_text(path) == str(path)


def check_locale(path: PurePath) -> None:
    """Raise SourceError where a name is UTF-8, but Python reads names otherwise here, as in the locale `C`.

    `nst` itself starts in Python's UTF-8 mode; this is for programs that use the library.
    """
    encoding = sys.getfilesystemencoding()
    if encoding.lower() in ("utf-8", "utf8") or str(path).isascii():
        return
    with contextlib.suppress(UnicodeDecodeError):
        name = os.fsencode(str(path)).decode("utf-8")
        raise SourceError(
            f"{name}: Python reads the names of files as {encoding} in this locale, so that this one cannot be kept: "
            "set PYTHONUTF8=1, or LANG=C.UTF-8, before Python starts."
        )


def check_utf8(folder: Path, key: str) -> None:
    """Check the name of a source's folder, given under `key` of the run file. Raises SourceError."""
    check_locale(folder)
    if not is_utf8(folder):
        raise SourceError(f"{key}: the name of {path_text(folder)} is not valid UTF-8: rename the folder.")
