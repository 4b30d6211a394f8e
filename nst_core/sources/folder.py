"""A person's own folder of images: sub-folders are labels (content) or artists (style), or splits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Literal

from nst_core.engine.images.pixels import IMAGE_SUFFIXES
from nst_core.errors import SourceError
from nst_core.sources.base import Catalogue, Item, is_text, path_text
from nst_core.sources.folder_metadata import METADATA_FILE, MetadataRow, read_metadata
from nst_core.sources.walk import image_files, quantity, short_list, source_id

Role = Literal["content", "style"]

SPLITS = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}
"""Names of folders that are splits, in any case, and what the split is called."""


def folder_catalogue(root: Path, role: Role) -> Catalogue:
    """Every file below `root` with an image's suffix, links that lead nowhere included; hidden ones are left out.

    The first sub-folder of a file is its label (content) or artist (style, `_` read as a space, as in Kaggle's layout).
    Style files directly in `root` have no artist. Where all folders in `root` that hold images are named as splits,
    they are, and the labels or artists lie in them: an ImageNet tree works as it is. A `metadata.csv` in `root`, or in
    the folder of a split, may say otherwise and more about any file.

    Raises:
        SourceError: there is no such folder, it cannot be read, it has no images, or its `metadata.csv` is wrong.
    """
    if not is_text(root):
        raise SourceError(f"{role}.path: the name of {path_text(root)} is not valid UTF-8: rename the folder.")
    if not root.is_dir():
        raise SourceError(f"{role}.path: there is no folder {root}.")
    files = list(image_files(root))
    if not files:
        raise SourceError(f"{role}.path: {root} holds no images ({', '.join(sorted(IMAGE_SUFFIXES))}).")
    splits = _split_folders(files)
    facts = read_metadata(root, splits)
    items = [_item(root.absolute(), name, role, splits, facts or {}) for name in files]
    return Catalogue.of(items, () if facts is None else _notes(facts, items))


def _split_folders(files: Iterable[str]) -> dict[str, str]:
    """The folders in the root and their splits, if all that hold images are splits."""
    folders = {name.partition("/")[0] for name in files if "/" in name}
    splits = {folder: SPLITS.get(folder.casefold()) for folder in sorted(folders)}
    named = {folder: split for folder, split in splits.items() if split is not None}
    return named if len(named) == len(splits) else {}


def _item(root: Path, name: str, role: Role, splits: Mapping[str, str], facts: Mapping[str, MetadataRow]) -> Item:
    identity = source_id(name)
    folders = name.split("/")[:-1]
    split = splits.get(folders.pop(0)) if splits and folders else None
    group = source_id(folders[0]) if folders else None
    label = group if role == "content" else None
    artist = group.replace("_", " ") if group and role == "style" else None
    told = facts.get(identity)
    if told is None:
        return Item(identity, root / name, label=label, artist=artist, split=split)
    return Item(
        identity,
        root / name,
        label=told.label or label,
        artist=told.artist or artist,
        split=(told.split and SPLITS.get(told.split.casefold(), told.split)) or split,
        genre=told.genre,
        nationality=told.nationality,
        license=told.license,
        source_url=told.source_url,
        extras=told.extras,
        years=told.years,
    )


def _notes(facts: Mapping[str, MetadataRow], items: Iterable[Item]) -> Iterator[str]:
    present = {item.id for item in items}
    lost = sorted(facts.keys() - present)
    silent = sorted(present - facts.keys())
    if lost:
        yield f"No file for {quantity(len(lost), 'row')} of {METADATA_FILE}: {short_list(lost)}."
    if silent:
        yield f"No row in {METADATA_FILE} for {quantity(len(silent), 'image')}: {short_list(silent)}."
