"""What an export to any format is made of, for `exporter` to go through."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from nst_core.errors import InputError
from nst_core.export.images import export_names, image_bytes, image_path
from nst_core.export.rows import ExportRow, Selection
from nst_core.export.shards import ExportShard
from nst_core.export.target import Done, LeftOutImage, Target, atomic_folder
from nst_core.storage.paths import is_local

_NOT_LINKABLE = (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP, errno.ENOSYS)


Advance = Callable[[int], None]


class ExportFormat(Protocol):
    """One way to lay out a dataset."""

    name: str
    passes: int
    """How often it goes through the images: progress counts each time."""
    groups: Mapping[str | None, str]
    """A folder's or tar's name for each split."""
    salt: str
    """What shards depend on, apart from their rows."""

    def shards(self, group: str, splits: list[str | None]) -> Iterator[tuple[str, ExportShard]]:
        """The shards of a group, by the name that each has in the target."""
        ...

    def write(self, shard: ExportShard, path: Path, digest: str, advance: Advance) -> Done:
        """Write one shard, all at once; `advance` counts the images that it went through."""
        ...

    def finish(self, target: Target, written: Written) -> dict[str, Done]:
        """Write what describes the shards; the files that depend on the rows, by name."""
        ...

    def card(self, written: Written) -> tuple[dict[str, Any], list[str]]:
        """The format's own part of the dataset card: its YAML, and lines on how to load it."""
        ...


@dataclass
class Written:
    """What came of the shards of an export, by their names."""

    selection: Selection
    done: dict[str, Done] = field(default_factory=dict)
    advance: Advance = lambda images: None

    @property
    def left_out(self) -> list[LeftOutImage]:
        return [left_out for done in self.done.values() for left_out in done.left_out]


Check = Callable[[ExportRow], None]
"""Raises InputError where a format has no use for a row."""


@dataclass(frozen=True)
class Usable:
    """An image that is what its row describes; `name` is its own within its folder."""

    row: ExportRow
    name: str
    path: Path
    data: bytes


class UsableImages(Iterator[Usable]):
    """Iterates over the images of a shard that may be exported; the others are in `left_out` once it has ended."""

    def __init__(self, run: Path, shard: ExportShard, advance: Advance, check: Check = lambda row: None) -> None:
        self.left_out: list[LeftOutImage] = []
        self._images = self._usable(run, shard, advance, check)

    def __next__(self) -> Usable:
        return next(self._images)

    def _usable(self, run: Path, shard: ExportShard, advance: Advance, check: Check) -> Iterator[Usable]:
        names = export_names(shard.rows)
        for row in shard.rows:
            try:
                check(row)
                path = image_path(run, row)
                yield Usable(row, names[row.pair_id], path, image_bytes(path, row))
            except InputError as error:
                self.left_out.append(LeftOutImage(row.pair_id, row.file_name, error.reason))
            advance(1)


def write_folder(
    path: Path,
    digest: str,
    images: UsableImages,
    link: bool,
    add: Callable[[Path, list[Usable]], None] = lambda folder, images: None,
) -> Done:
    """Fill a folder with the images of a shard, and with what `add` writes beside them; without images, nothing."""
    first = next(images, None)
    if first is None:
        return Done(digest, 0, 0, tuple(images.left_out))
    with atomic_folder(path) as folder:
        written = [_put(first, folder, link), *(_put(image, folder, link) for image in images)]
        add(folder, written)
    return Done(digest, len(written), len(os.listdir(path)), tuple(images.left_out))  # noqa: PTH208


def _put(image: Usable, folder: Path, link: bool) -> Usable:
    """Write or link one image; returns it without its bytes."""
    if not (link and is_local(image.path) and _linked(image.path, folder / image.name)):
        (folder / image.name).write_bytes(image.data)
    return Usable(image.row, image.name, image.path, b"")


def _linked(source: Path, target: Path) -> bool:
    """Whether a hard link could be made: not to another file system, nor on every kind of one."""
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _NOT_LINKABLE:
            raise
        return False
    return True
