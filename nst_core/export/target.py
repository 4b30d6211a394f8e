"""The target folder of an export, and `export.json` in it: the shards that are there, and whether they are all.

A shard is a file or a folder that appears under its name atomically; it is recorded with a digest of its contents, so
that the same command goes on after an interruption, and only what changed is made again.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

from nst_core.errors import UsageError
from nst_core.storage.atomic import (
    TEMPORARY_SUFFIX,
    disk_full_as_error,
    fsync,
    is_temporary,
    write_if_changed,
)
from nst_core.storage.folder_lock import hold_folder
from nst_core.storage.regular_files import read_regular

MARKER = "export.json"
LOCK_FILE = ".nst-export.lock"
_VERSION = 1


@dataclass(frozen=True)
class LeftOutImage:
    """An image of the run that is not in the export."""

    pair_id: str
    file_name: str
    reason: str


@dataclass(frozen=True)
class ShardRecord:
    """A shard that was written. `size`: bytes of a file, entries of a folder; 0 where there was nothing to write.

    `sha256` is that of a file, where it is known.
    """

    digest: str
    images: int
    size: int
    left_out: tuple[LeftOutImage, ...] = ()
    sha256: str | None = None


@dataclass(frozen=True)
class Identity:
    """The identity of an export: a folder takes one only."""

    format: str
    run: str
    method_fingerprint: str | None


class ExportTarget(Protocol):
    """A place that shards are written to.

    Attributes:
        root: the folder in which they are written; they may go on from there once they are noted.
    """

    root: Path

    def holds(self, name: str, digest: str) -> ShardRecord | None:
        """The record of a shard that is there with this digest, else None; shards that lack images are tried again."""
        ...

    def note(self, name: str, done: ShardRecord) -> None:
        """Record a shard that has just been written."""
        ...

    def finish(self, names: Collection[str]) -> None:
        """Remove shards of earlier exports that are none of `names`, then mark this one as complete."""
        ...


class Target:
    """The folder of an export, held by this process."""

    def __init__(self, root: Path, identity: Identity, done: dict[str, ShardRecord]) -> None:
        self.root = root
        self._identity = identity
        self._done = done

    def begin(self) -> None:
        """Mark the folder as this export's before anything else is in it, so that the next try knows it again."""
        if not (self.root / MARKER).exists() or not self._done:
            self._write(complete=False)

    def holds(self, name: str, digest: str) -> ShardRecord | None:
        """The record of a shard that is there with this digest, else None; shards that lack images are tried again."""
        done = self._done.get(name)
        if done is None or done.digest != digest or done.left_out or _size(self.root / name) != done.size:
            return None
        return done

    def note(self, name: str, done: ShardRecord) -> None:
        """Record a shard that has just been written."""
        self._done[name] = done
        self._write(complete=False)

    def finish(self, names: Collection[str]) -> None:
        """Remove shards of earlier exports that are none of `names`, then mark this one as complete."""
        for name in sorted(self._done.keys() - set(names)):
            remove(self.root / name)
            del self._done[name]
            self._remove_empty(PurePosixPath(name).parents)
        self._write(complete=True)

    def _remove_empty(self, folders: Iterable[PurePosixPath]) -> None:
        """Remove those of our folders, the innermost first, that are empty."""
        for folder in folders:
            if folder.parts:
                with contextlib.suppress(OSError):  # it holds something, or is gone
                    (self.root / folder).rmdir()

    def _write(self, complete: bool) -> None:
        write_if_changed(self.root / MARKER, marker_bytes(self._identity, self._done, complete))


def marker_bytes(identity: Identity, shards: Mapping[str, ShardRecord], complete: bool) -> bytes:
    """The contents of export.json."""
    data = {
        "export": _VERSION,
        **asdict(identity),
        "complete": complete,
        "images": sum(done.images for done in shards.values()),
        "shards": {name: _told(done) for name, done in sorted(shards.items())},
    }
    return (json.dumps(data, indent=1, ensure_ascii=False) + "\n").encode()


def _told(done: ShardRecord) -> dict[str, Any]:
    return {key: value for key, value in asdict(done).items() if value is not None}


@contextlib.contextmanager
def hold_target(root: Path, identity: Identity) -> Iterator[Target]:
    """Hold a new or empty folder, or one with an export of the same run in the same format.

    Raises:
        UsageError: it holds something else, cannot be written, or another process exports to it.
    """
    with hold_folder(root, LOCK_FILE, f"Another nst process exports to {root}: wait for it to end."):
        try:
            target = Target(root, identity, _earlier(root, identity))
            _remove_leftovers(root)
            target.begin()
            yield target
        finally:
            (root / LOCK_FILE).unlink(missing_ok=True)  # an export has the same files however often it was tried


@contextlib.contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """A temporary folder beside `path` to fill with files; it takes the place of `path` when the block ends without an
    error. Raises DiskFull."""
    temporary = path.parent / f".{secrets.token_hex(8)}{TEMPORARY_SUFFIX}"
    try:
        with disk_full_as_error(path):
            temporary.mkdir(parents=True)
            yield temporary
            for file in temporary.iterdir():
                if file.stat().st_nlink == 1:  # a file that has another name already was made durable under it
                    fsync(file)
            fsync(temporary)
            remove(path)
            temporary.rename(path)
            fsync(path.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def remove(path: Path) -> None:
    """Remove a shard, whether it is a file, a folder, or not there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _earlier(root: Path, identity: Identity) -> dict[str, ShardRecord]:
    """The shards of an earlier try; none where the folder is empty. Raises UsageError if it holds anything else."""
    names = {path.name for path in root.iterdir()} - {LOCK_FILE}
    if MARKER not in names:
        if others := sorted(name for name in names if not name.endswith(TEMPORARY_SUFFIX)):
            raise UsageError(f"{root} holds {others[0]} and is no export: give a new or empty folder with -o.")
        return {}
    empty = all(name == MARKER or name.endswith(TEMPORARY_SUFFIX) for name in names)
    try:
        data = read_regular(root / MARKER)
    except OSError as error:
        raise _damaged(root / MARKER) from error
    return shards_of_marker(data, identity, str(root), empty)


def shards_of_marker(data: bytes, identity: Identity, root: str, empty: bool = False) -> dict[str, ShardRecord]:
    """The shards that an export.json records.

    Args:
        root: the name of the place that it lies in.
        empty: nothing else lies there.

    Raises:
        UsageError: it is none, or is another export's.
    """
    marker = f"{root}/{MARKER}"
    told = _parse_marker(data, marker)
    if not told.get("shards") and empty:
        return {}  # a try that wrote nothing yet
    found = Identity(told.get("format", ""), told.get("run", ""), told.get("method_fingerprint"))
    if found != identity:
        method = " by another method" if (found.format, found.run) == (identity.format, identity.run) else ""
        raise UsageError(
            f"{root} holds an export of the run {found.run!r} as {found.format}, this would be {identity.run!r} as "
            f"{identity.format}{method}: give another folder."
        )
    try:
        return {_safe(name): _done(entry) for name, entry in told["shards"].items()}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _damaged(marker) from error


def _parse_marker(data: bytes, marker: str) -> dict[str, Any]:
    try:
        told = json.loads(data)
    except ValueError as error:
        raise _damaged(marker) from error
    if not isinstance(told, dict) or told.get("export") != _VERSION:
        raise _damaged(marker)
    return told


def _damaged(path: Path | str) -> UsageError:
    return UsageError(f"{path} is not what an export writes: give a new or empty folder with -o.")


def _done(entry: Mapping[str, Any]) -> ShardRecord:
    left_out = tuple(LeftOutImage(**one) for one in entry["left_out"])
    sha256 = entry.get("sha256")
    return ShardRecord(str(entry["digest"]), int(entry["images"]), int(entry["size"]), left_out, sha256 and str(sha256))


def _safe(name: str) -> str:
    """Check a shard's name: shards are removed by the names in the marker, which anybody may have written."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise ValueError(name)
    return name


def _remove_leftovers(root: Path) -> None:
    """Remove what killed processes left half-written."""
    for path in list(root.glob(f"**/.*{TEMPORARY_SUFFIX}")):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        elif path.parent == root or is_temporary(path.name):
            path.unlink(missing_ok=True)


def _size(path: Path) -> int:
    """Bytes of a file, entries of a folder, 0 of what is not there."""
    if path.is_dir():
        return len(os.listdir(path))  # noqa: PTH208 (names are enough)
    return path.stat().st_size if path.is_file() else 0
