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


def usable_images(
    run: Path, shard: ExportShard, left_out: list[LeftOutImage], advance: Advance, check: Check = lambda row: None
) -> Iterator[Usable]:
    """The images of a shard that may be exported; the others are noted in `left_out`."""
    names = export_names(shard.rows)
    for row in shard.rows:
        try:
            check(row)
            path = image_path(run, row)
            yield Usable(row, names[row.pair_id], path, image_bytes(path, row))
        except InputError as error:
            left_out.append(LeftOutImage(row.pair_id, row.file_name, error.reason))
        advance(1)


@dataclass(frozen=True)
class Usable:
    """An image that is what its row describes; `name` is its own within its folder."""

    row: ExportRow
    name: str
    path: Path
    data: bytes


def write_folder(
    path: Path,
    images: Iterator[Usable],
    link: bool,
    add: Callable[[Path, list[Usable]], None] = lambda folder, images: None,
) -> int:
    """Fill a folder with images, and with what `add` writes beside them; returns how many images there are.

    Nothing is written if there are none.
    """
    first = next(images, None)
    if first is None:
        return 0
    with atomic_folder(path) as folder:
        told = [_put(first, folder, link), *(_put(image, folder, link) for image in images)]
        add(folder, told)
    return len(told)


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
