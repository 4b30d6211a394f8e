"""The source `folder`: a user's own images, whose sub-folders are labels (content), artists (style) or splits."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from nst_core.engine.images.suffixes import IMAGE_SUFFIXES
from nst_core.errors import SourceError
from nst_core.sources.base import Catalogue, Item, check_utf8, source_id
from nst_core.sources.exclusion import Exclusion
from nst_core.sources.folder_layout import SPLITS, FolderLayout
from nst_core.sources.folder_metadata import read_folder_metadata
from nst_core.sources.left_out import catalogue_notes
from nst_core.sources.metadata_columns import MetadataRow
from nst_core.sources.walk import Listing, list_files

Role = Literal["content", "style"]


def folder_catalogue(root: Path, role: Role, exclusion: Exclusion | None = None) -> Catalogue:
    """Every image file below `root`, broken links included; what is left out is counted.

    Images are known by their suffixes, or, where that tells nothing (`photo`, `photo.jpg_large`), by their first bytes.
    Hidden files, those that systems keep for themselves (`@eaDir`, `Thumbs.db`) and `exclusion` are left out.

    The first sub-folder of a file is its label (content) or artist (style, `_` read as a space, as in Kaggle's layout).
    Style files directly in `root` have no artist. If all folders in `root` that hold images have the name of a split,
    they are splits, and the labels or artists are the folders below them, as in an ImageNet tree. A `metadata.csv`,
    `.jsonl` or `.parquet` in `root` or any folder takes precedence over the folders and adds columns.

    Raises:
        SourceError: the folder does not exist, cannot be read or has no images, or its metadata are wrong.
    """
    check_utf8(root, f"{role}.path")
    if not root.is_dir():
        raise SourceError(f"{role}.path: there is no folder {root}.")
    exclusion = exclusion or Exclusion()
    listing = list_files(root, exclusion)
    if not listing.images:
        raise SourceError(_no_images(root, role, listing))
    ids = {source_id(name): name for name in listing.images}
    layout = FolderLayout(listing.images, listing.folders)
    metadata = read_folder_metadata(root, listing.tables, ids, exclusion.covers)
    items = [
        _item(root.absolute(), name, role, layout, metadata.rows.get(identity, _NO_ROW))
        for name in listing.images
        for identity in [source_id(name)]
    ]
    notes = [*metadata.notes, *_layout_notes(root, role, layout)]
    return Catalogue.of(items, notes, listing.left_out.counts(), listing.left_out.unreadable)


def _item(root: Path, name: str, role: Role, layout: FolderLayout, row: MetadataRow) -> Item:
    split, folder = layout.place(name)
    group = source_id(folder.rpartition("/")[2]) if folder else None
    key = source_id(folder) if folder else ""
    label = group if role == "content" and not row.decides("label", key) else None
    artist = group.replace("_", " ") if group and role == "style" and not row.decides("artist", key) else None
    return Item(
        source_id(name),
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


def _layout_notes(root: Path, role: Role, layout: FolderLayout) -> list[str]:
    folder = layout.nameless_label()
    if folder is None:
        return []
    what = "label" if role == "content" else "artist"
    return [
        f"All images lie in {folder}, which is taken as their {what}: set {role}.path to {root / folder} to have the "
        f"folders in it as {what}s."
    ]


def _no_images(root: Path, role: Role, listing: Listing) -> str:
    nothing = Catalogue.of([], [], listing.left_out.counts(), listing.left_out.unreadable)
    message = f"{role}.path: {root} holds no images ({', '.join(sorted(IMAGE_SUFFIXES))})."
    return " ".join([message, *catalogue_notes(nothing, role)])
