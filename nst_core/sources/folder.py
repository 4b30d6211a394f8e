"""A person's own folder of images: sub-folders are labels (content) or artists (style)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import Literal

from nst_core.engine.images import IMAGE_SUFFIXES, NEAR_IMAGE_SUFFIXES
from nst_core.errors import SourceError
from nst_core.sources.base import Catalogue, Item, is_text, path_text, stable_id

Role = Literal["content", "style"]


def folder_catalogue(root: Path, role: Role) -> Catalogue:
    """Every file below `root` with an image's suffix, links that lead nowhere included; hidden ones are left out.

    The first sub-folder of a file is its label (content) or artist (style, `_` read as a space, as in Kaggle's layout).
    Style files directly in `root` have no artist.

    Raises:
        SourceError: there is no such folder, it cannot be read, or it has no images.
    """
    if not is_text(root):
        raise SourceError(f"{role}.path: the name of {path_text(root)} is not valid UTF-8: rename the folder.")
    if not root.is_dir():
        raise SourceError(f"{role}.path: there is no folder {root}.")
    items = [_item(root.absolute(), relative, role) for relative in _image_files(root)]
    if not items:
        raise SourceError(f"{role}.path: {root} holds no images ({', '.join(sorted(IMAGE_SUFFIXES))}).")
    return Catalogue.of(items)


def _item(root: Path, relative: PurePath, role: Role) -> Item:
    group = stable_id(PurePath(relative.parts[0])) if len(relative.parts) > 1 else None
    if role == "content":
        return Item(stable_id(relative), root / relative, label=group)
    return Item(stable_id(relative), root / relative, artist=group.replace("_", " ") if group else None)


def _image_files(root: Path) -> Iterator[PurePath]:
    """Relative paths of image files, following linked folders but never in a circle."""
    seen: set[tuple[int, int]] = set()
    for folder, subfolders, files in os.walk(root, followlinks=True, onerror=_unreadable):
        status = Path(folder).stat()
        identity = (status.st_dev, status.st_ino)
        if identity in seen:
            subfolders.clear()
            continue
        seen.add(identity)
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        for name in sorted(files):
            suffix = PurePath(name).suffix.lower()
            if not name.startswith(".") and (suffix in IMAGE_SUFFIXES or suffix in NEAR_IMAGE_SUFFIXES):
                yield PurePath(folder, name).relative_to(root)


def _unreadable(error: OSError) -> None:
    folder = path_text(PurePath(error.filename))
    raise SourceError(f"The folder {folder} cannot be read: {error.strerror}.") from error
