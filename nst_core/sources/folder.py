"""The source `folder`: a user's own images, whose sub-folders are labels (content), artists (style) or splits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Literal

from nst_core.engine.images.suffixes import IMAGE_SUFFIXES
from nst_core.errors import SourceError
from nst_core.sources.base import Catalogue, Item, check_utf8, source_id
from nst_core.sources.folder_metadata import METADATA_FILE, MetadataRow, read_metadata
from nst_core.sources.walk import image_files
from nst_core.sources.wording import quantity, short_list

Role = Literal["content", "style"]

SPLITS = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}
"""Splits by the names of their folders, in any case."""


def folder_catalogue(root: Path, role: Role) -> Catalogue:
    """Every file below `root` with the suffix of an image, broken links included; hidden files are left out.

    The first sub-folder of a file is its label (content) or artist (style, `_` read as a space, as in Kaggle's layout).
    Style files directly in `root` have no artist. If all folders in `root` that hold images have the name of a split,
    they are splits, and the labels or artists are the folders below them, as in an ImageNet tree. A `metadata.csv` in
    `root`, or in the folder of a split, takes precedence over the folders and adds columns.

    Raises:
        SourceError: the folder does not exist, cannot be read or has no images, or its `metadata.csv` is wrong.
    """
    check_utf8(root, f"{role}.path")
    if not root.is_dir():
        raise SourceError(f"{role}.path: there is no folder {root}.")
    files = list(image_files(root))
    if not files:
        raise SourceError(f"{role}.path: {root} holds no images ({', '.join(sorted(IMAGE_SUFFIXES))}).")
    splits = _split_folders(files)
    rows = read_metadata(root, splits)
    items = [_item(root.absolute(), name, role, splits, rows or {}) for name in files]
    return Catalogue.of(items, () if rows is None else _notes(rows, items))


def _split_folders(files: Iterable[str]) -> dict[str, str]:
    """The folders in the root and their splits, if all that hold images are splits."""
    folders = {name.partition("/")[0] for name in files if "/" in name}
    splits = {folder: SPLITS.get(folder.casefold()) for folder in sorted(folders)}
    named = {folder: split for folder, split in splits.items() if split is not None}
    return named if len(named) == len(splits) else {}


def _item(root: Path, name: str, role: Role, splits: Mapping[str, str], rows: Mapping[str, MetadataRow]) -> Item:
    identity = source_id(name)
    folders = name.split("/")[:-1]
    split = splits.get(folders.pop(0)) if splits and folders else None
    group = source_id(folders[0]) if folders else None
    label = group if role == "content" else None
    artist = group.replace("_", " ") if group and role == "style" else None
    row = rows.get(identity, _NO_ROW)
    return Item(
        identity,
        root / name,
        label=row.label or label,
        artist=row.artist or artist,
        split=(row.split and SPLITS.get(row.split.casefold(), row.split)) or split,
        genre=row.genre,
        nationality=row.nationality,
        license=row.license,
        source_url=row.source_url,
        extras=row.extras,
        years=row.years,
    )


_NO_ROW = MetadataRow()


def _notes(rows: Mapping[str, MetadataRow], items: Iterable[Item]) -> Iterator[str]:
    present = {item.id for item in items}
    if fileless := sorted(rows.keys() - present):
        yield f"No file for {quantity(len(fileless), 'row')} of {METADATA_FILE}: {short_list(fileless)}."
    if rowless := sorted(present - rows.keys()):
        yield f"No row in {METADATA_FILE} for {quantity(len(rowless), 'image')}: {short_list(rowless)}."
