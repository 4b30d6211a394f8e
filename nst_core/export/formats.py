"""The interface of an export format, and what formats share: usable images, folders of images."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from nst_core.errors import InputError
from nst_core.export.croissant import Distribution
from nst_core.export.images import export_names, image_bytes, image_path
from nst_core.export.rows import ExportRow, Selection
from nst_core.export.shards import ExportShard
from nst_core.export.target import ExportTarget, LeftOutImage, ShardRecord, atomic_folder
from nst_core.sources.coco_entries import FaultGroup
from nst_core.storage.paths import is_local

_NOT_LINKABLE = (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP, errno.ENOSYS)


Advance = Callable[[int], None]


class ExportFormat(Protocol):
    """A layout of datasets."""

    name: str
    passes: int
    """How many times it goes through the images: progress counts each time."""
    groups: Mapping[str | None, str]
    """The name of a folder or tar for each split."""
    salt: str
    """All that shards depend on apart from their rows: part of their digests."""

    def prepare(self, advance: Advance) -> tuple[FaultGroup, ...]:
        """Find what will be left out beside images, before anything is written. Raises UsageError."""
        ...

    def shards(self, group: str, splits: list[str | None]) -> Iterator[tuple[str, ExportShard]]:
        """The shards of a group, each with its name in the target."""
        ...

    def write(self, shard: ExportShard, path: Path, digest: str, advance: Advance) -> ShardRecord:
        """Write one shard, atomically; `advance` is called with numbers of images that were gone through."""
        ...

    def finish(self, target: ExportTarget, written: WrittenShards) -> dict[str, ShardRecord]:
        """Write files that describe the shards; returns those that depend on the rows, by name."""
        ...

    def card(self, written: WrittenShards, repository: str | None) -> tuple[dict[str, Any], list[str]]:
        """The format's own part of the dataset card: its YAML, and lines on how to load it.

        Args:
            repository: `OWNER/NAME` on the Hugging Face Hub, if it goes there.
        """
        ...

    def describe(self, target: ExportTarget, written: WrittenShards) -> Distribution:
        """The files and the records in them, for croissant.json."""
        ...


@dataclass
class WrittenShards:
    """The shards of an export by their names.

    Attributes:
        suffixes: of the images in them, in lower case.
    """

    selection: Selection
    done: dict[str, ShardRecord] = field(default_factory=dict)
    advance: Advance = lambda images: None
    suffixes: set[str] = field(default_factory=set)

    @property
    def left_out(self) -> list[LeftOutImage]:
        return [left_out for done in self.done.values() for left_out in done.left_out]


Check = Callable[[ExportRow], object]
"""A check that raises InputError where a format cannot use a row."""


@dataclass(frozen=True)
class UsableImage:
    """An image that matches its row; `name`: its file name, distinct within its folder."""

    row: ExportRow
    name: str
    path: Path
    data: bytes


class UsableImages(Iterator[UsableImage]):
    """Iterates over the images of a shard that may be exported; the others are in `left_out` once it has ended."""

    def __init__(self, run: Path, shard: ExportShard, advance: Advance, check: Check = lambda row: None) -> None:
        self.left_out: list[LeftOutImage] = []
        self._images = self._usable(run, shard, advance, check)

    def __next__(self) -> UsableImage:
        return next(self._images)

    def _usable(self, run: Path, shard: ExportShard, advance: Advance, check: Check) -> Iterator[UsableImage]:
        names = export_names(shard.rows)
        for row in shard.rows:
            try:
                check(row)
                path = image_path(run, row)
                yield UsableImage(row, names[row.pair_id], path, image_bytes(path, row))
            except InputError as error:
                self.left_out.append(LeftOutImage(row.pair_id, row.file_name, error.reason))
            advance(1)


def write_folder(
    path: Path,
    digest: str,
    images: UsableImages,
    link: bool,
    add: Callable[[Path, list[UsableImage]], None] = lambda folder, images: None,
) -> ShardRecord:
    """Write a folder with the images of a shard, and with what `add` writes beside them; without images, none."""
    first = next(images, None)
    if first is None:
        return ShardRecord(digest, 0, 0, tuple(images.left_out))
    with atomic_folder(path) as folder:
        written = [_put(first, folder, link), *(_put(image, folder, link) for image in images)]
        add(folder, written)
    return ShardRecord(digest, len(written), len(os.listdir(path)), tuple(images.left_out))  # noqa: PTH208


def _put(image: UsableImage, folder: Path, link: bool) -> UsableImage:
    """Write or link one image; returns it without its bytes."""
    if not (link and is_local(image.path) and _linked(image.path, folder / image.name)):
        (folder / image.name).write_bytes(image.data)
    return UsableImage(image.row, image.name, image.path, b"")


def _linked(source: Path, target: Path) -> bool:
    """Make a hard link; returns whether that was possible: not to another file system, nor on every kind of one."""
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _NOT_LINKABLE:
            raise
        return False
    return True
