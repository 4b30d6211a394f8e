"""The items of a source (dataset): images with stable ids, found without decoding a pixel."""

from __future__ import annotations

import contextlib
import itertools
import os
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import Any

from nst_core.errors import SourceError
from nst_core.sources.artist_names import artist_key
from nst_core.storage.names import Spellings

MASK, MASK_HASH = "mask", "mask_sha256"
"""Columns that name a content's label image, and what decides it."""

STYLE_MASK, STYLE_MASK_HASH = "style_mask", "style_mask_sha256"
"""The same of the styles; of a blend, in their order, with `;` between them."""

MASK_COLUMNS = (MASK, STYLE_MASK)
"""The columns of a manifest among them."""


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
        lasting_id: the id from which those of pairs are made, where it is not `id`: of a picture on the web, its
            address without a signature.
        fault: why its entry in the source's own list cannot be used: its pairs are quarantined.
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
    lasting_id: str | None = None
    fault: str | None = None

    @property
    def identity(self) -> str:
        """The text that stands for this image in ids of pairs and in draws; it is never written."""
        return self.lasting_id or self.id

    @property
    def genres(self) -> tuple[str, ...]:
        """The genres, one by one."""
        return tuple(part for text in (self.genre or "").split(",") if (part := text.strip()))


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A number of files of a source that are no items: for one of the reasons of `left_out`, and of which kind."""

    reason: str
    kind: str
    files: int


@dataclass(frozen=True)
class Catalogue:
    """The items of one source, sorted by id, and what is to be said about it.

    Attributes:
        notes: sentences for the user, such as on artists without images or metadata that are not used.
        left_out: the other files of the source, counted.
        unreadable: a sentence for each folder within the source that cannot be read.
        annotations: COCO's annotation files that say where regions of the images are.
    """

    items: tuple[Item, ...]
    notes: tuple[str, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    unreadable: tuple[str, ...] = ()
    annotations: tuple[Path, ...] = ()

    @classmethod
    def of(
        cls,
        items: Iterable[Item],
        notes: Iterable[str] = (),
        left_out: Iterable[LeftOut] = (),
        unreadable: Iterable[str] = (),
    ) -> Catalogue:
        """Items in any order; of names that are spelled in several ways, the first spelling by id is taken."""
        ordered = sorted(items, key=lambda item: item.id)
        distinct = sorted(_with_distinct_ids(ordered), key=lambda item: item.id)
        return cls(tuple(_with_one_spelling(distinct)), tuple(notes), tuple(left_out), tuple(unreadable))

    def by_id(self) -> dict[str, Item]:
        return {item.id: item for item in self.items}

    def by_artist(self) -> dict[str, list[Item]]:
        """Style items by artist (each has one spelling), without those that have none."""
        pools: dict[str, list[Item]] = {}
        for item in self.items:
            if item.artist:
                pools.setdefault(item.artist, []).append(item)
        return pools


def _with_distinct_ids(items: Sequence[Item]) -> Iterator[Item]:
    """The items; where the names of files differ in Unicode's form only, their ids are the names as on disk."""
    same = {one.id for one, other in itertools.pairwise(items) if one.id == other.id}
    for item in items:
        on_disk = "/".join(item.path.parts[-item.id.count("/") - 1 :]) if item.id in same else item.id
        yield replace(item, id=on_disk) if on_disk != item.id == source_id(on_disk) else item


def _with_one_spelling(items: Iterable[Item]) -> Iterator[Item]:
    names = {"label": Spellings(), "split": Spellings(), "artist": Spellings(key=artist_key), "genre": Spellings()}
    for item in items:
        changed: dict[str, Any] = {}
        for attribute, spellings in names.items():
            text: str | None = getattr(item, attribute)
            if text is None:
                continue
            kept = _with_first_genres(text, spellings) if attribute == "genre" else spellings.first(text)
            if kept != text:
                changed[attribute] = kept or None
        yield replace(item, **changed) if changed else item


def _with_first_genres(text: str, spellings: Spellings) -> str:
    """The cell of genres, changed only where one of them is."""
    parts = [part.strip() for part in text.split(",")]
    kept = [spellings.first(part) for part in parts if part]
    return text if kept == [part for part in parts if part] else ", ".join(kept)


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
