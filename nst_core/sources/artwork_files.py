"""The image files of Best Artworks of All Time, in Kaggle's layout and with broken file names repaired."""

from __future__ import annotations

import filecmp
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from nst_core.sources.artist_names import repair_encoding, spelling_key
from nst_core.sources.base import path_text, source_id
from nst_core.sources.file_kinds import is_image_name
from nst_core.sources.left_out import LeftOutFiles
from nst_core.sources.walk import entries, is_folder
from nst_core.storage.slugs import short_hash

_NUMBERED = re.compile(r"(?P<artist>.+)_\d+")


@dataclass(frozen=True, slots=True)
class Painting:
    """A file of a painting.

    Attributes:
        id: of the painting, not the file: `Vincent_van_Gogh_1` in either size, `Albrecht_Dürer_1` however broken.
        artist: as the folder or file name has it, repaired; `artist_key` is the same for all spellings.
    """

    id: str
    path: Path
    artist: str
    artist_key: str


def find_paintings(folder: Path, left_out: LeftOutFiles) -> tuple[list[Painting], list[Path]]:
    """The paintings in the folder `images` or `resized`, and its files that are no images or lie elsewhere.

    Hidden files, the system's own, and folders of artists that cannot be read are counted in `left_out`.

    Kaggle has `images/images/<Artist_Name>/<Artist_Name>_N.jpg` and `resized/resized/<Artist_Name>_N.jpg`; both may lie
    one level up.

    Raises:
        SourceError: the folder itself cannot be read.
    """
    find = _in_artist_folders if folder.name == "images" else _in_one_folder
    paintings, strays = [], []
    for level in (folder / folder.name, folder):
        for path, painting in find(level, left_out):
            if painting is None:
                strays.append(path)
            else:
                paintings.append(painting)
    return paintings, strays


def deduplicate(paintings: Iterable[Painting], root: Path) -> tuple[list[Painting], list[Painting]]:
    """The paintings with unique ids, and those left out because another file with their id has the same bytes.

    Files with the same id but other bytes are all kept; the later ones get a hash of their path appended to the id.
    Files whose names never were broken come first, then those that were broken once.
    """
    by_id: dict[str, list[Painting]] = {}
    repeated = []
    for painting in sorted(paintings, key=lambda painting: _order(painting.path)):
        same = by_id.setdefault(painting.id, [])
        if any(_same_bytes(painting.path, other.path) for other in same):
            repeated.append(painting)
        else:
            same.append(painting)
    firsts = [same[0] for same in by_id.values()]
    later = [painting for same in by_id.values() for painting in same[1:]]
    return firsts + [
        replace(p, id=f"{p.id}-{short_hash(path_text(p.path.relative_to(root)))}") for p in later
    ], repeated


def _in_artist_folders(level: Path, left_out: LeftOutFiles) -> Iterator[tuple[Path, Painting | None]]:
    """The files in folders of artists, and other files; None for what is no image, or in no artist's folder."""
    for entry in entries(level, left_out, root=True):
        if not is_folder(entry):
            yield Path(entry.path), None
        elif entry.name != level.name:
            artist = _repair(entry.name)
            key = spelling_key(artist)
            for file in entries(Path(entry.path), left_out):
                is_image = is_image_name(file.name) and not is_folder(file)
                path = Path(file.path)
                yield path, Painting(_id(artist, key, file), path, artist, key) if is_image else None


def _in_one_folder(level: Path, left_out: LeftOutFiles) -> Iterator[tuple[Path, Painting | None]]:
    """The files named after their artist; None for what is not, or is no image."""
    for entry in entries(level, left_out, root=True):
        if entry.name == level.name and is_folder(entry):
            continue
        stem = _stem(entry)
        match = _NUMBERED.fullmatch(stem) if is_image_name(entry.name) and not is_folder(entry) else None
        path = Path(entry.path)
        yield path, Painting(stem, path, match["artist"], spelling_key(match["artist"])) if match else None


def _id(artist: str, key: str, file: os.DirEntry[str]) -> str:
    """`<Artist_Name>_N`; for a file that is named otherwise, `<Artist_Name>/<stem>`."""
    stem = _stem(file)
    match = _NUMBERED.fullmatch(stem)
    return stem if match and spelling_key(match["artist"]) == key else f"{artist}/{stem}"


def _stem(entry: os.DirEntry[str]) -> str:
    return _repair(os.path.splitext(entry.name)[0])  # noqa: PTH122 (a name, not a path)


def _repair(name: str) -> str:
    return repair_encoding(source_id(name))


def _order(path: Path) -> tuple[int, str]:
    """The total length of the broken names, 0 where none is: each time a name is broken it becomes longer."""
    names = (path.parent.name, path.name)
    return sum(len(name) for name in names if _repair(name) != source_id(name)), str(path)


def _same_bytes(path: Path, other: Path) -> bool:
    try:
        return filecmp.cmp(path, other, shallow=False)
    except OSError:
        return False  # an unreadable file is an item of its own: it is reported as such
