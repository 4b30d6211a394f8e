"""The cache of the index: image metadata in Parquet by path, size and mtime, so that a second scan opens no file.

For an object at a store, the path is its URL, and its ETag is used for the time (`nst_core.storage.paths.FileState`).

There is one cache file per root folder in `cache_folder()/index`. A file that is damaged, or was written by other
versions, is ignored and written anew. Of two processes that write the same file, the last wins.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Iterable
from pathlib import Path

from nst_core.errors import DiskFull
from nst_core.sources.index.image_metadata import ImageMetadata
from nst_core.sources.index.rows import IndexRows, read_rows, write_rows
from nst_core.storage.atomic import TEMPORARY_SUFFIX
from nst_core.storage.machine import cache_folder
from nst_core.storage.paths import parse_path
from nst_core.storage.signed_urls import is_web_url

_SAVE_EVERY = 30.0  # seconds of work that a kill can cost
_UNUSED = 90 * 86400.0  # seconds after its last use that a cache file is deleted
_TOUCH_EVERY = 86400.0


class IndexCache:
    """The cached metadata of files below some root folders (such as datasets), and of files elsewhere.

    Attributes:
        trouble: the reason why the cache could not be written, or None.
    """

    def __init__(self, roots: Iterable[Path] = (), folder: Path | None = None) -> None:
        self.trouble: str | None = None
        self._folder = cache_folder() / "index" if folder is None else folder
        self._shards = [
            _CacheFile(self._folder, root) for root in dict.fromkeys(str(root.absolute()) for root in roots)
        ]
        self._shards.sort(key=lambda shard: len(shard.prefix), reverse=True)  # the innermost root first
        self._elsewhere = _CacheFile(self._folder, "")
        self._saved_at = time.monotonic()
        self._lock = threading.Lock()

    def get(self, path: Path, size_bytes: int, mtime_ns: int) -> ImageMetadata | None:
        """The metadata of a file of this size and mtime, if cached."""
        shard, key = self._place(path)
        with self._lock:
            return shard.get(key, size_bytes, mtime_ns)

    def put(self, path: Path, metadata: ImageMetadata) -> None:
        """Cache the metadata of a file; written by the next `save`."""
        shard, key = self._place(path)
        with self._lock:
            shard.fresh[key] = metadata
            shard.unsaved += 1

    def save_periodically(self) -> None:
        """Write new metadata if that was last done more than `_SAVE_EVERY` seconds ago."""
        if not self.trouble and time.monotonic() - self._saved_at > _SAVE_EVERY:
            self._save(prune=False)

    def save(self) -> None:
        """Write new metadata, drop entries of deleted files, and delete cache files not used for long."""
        if self._save(prune=True):
            self._sweep()

    def _place(self, path: Path) -> tuple[_CacheFile, str]:
        text = str(path.absolute())  # `..` is kept: behind a link it leads elsewhere
        for shard in self._shards:
            if text.startswith(shard.prefix):
                return shard, text[len(shard.prefix) :]
        return self._elsewhere, text

    def _save(self, prune: bool) -> bool:
        """Write the files with new metadata; returns whether there was one."""
        written = False
        for shard in [*self._shards, self._elsewhere]:
            with self._lock:
                fresh, unsaved = dict(shard.fresh), shard.unsaved
                if not unsaved:
                    continue
                rows = shard.rows()
            try:
                write_rows(shard.file, rows, fresh, shard.gone(rows.unused_keys() - fresh.keys()) if prune else set())
            except (OSError, DiskFull) as error:
                self.trouble = f"The index's cache cannot be written, so the next scan reads all files again: {error}"
                continue
            with self._lock:
                shard.unsaved -= unsaved
            written = True
        self._saved_at = time.monotonic()
        return written

    def _sweep(self) -> None:
        """Delete cache files that have not been used for months, and old temporary files of killed processes."""
        oldest = time.time() - _UNUSED
        for path in [*self._folder.glob("*.parquet"), *self._folder.glob(f".*{TEMPORARY_SUFFIX}")]:
            try:
                if path.stat().st_mtime < oldest:
                    path.unlink()
            except OSError:  # already deleted by another process, or not ours to delete
                continue


class _CacheFile:
    """The cache file of one root; keys are paths relative to it (absolute where the root is empty)."""

    def __init__(self, folder: Path, root: str) -> None:
        self.prefix = root if root.endswith(os.sep) or not root else root + os.sep
        name = hashlib.sha256(os.fsencode(root)).hexdigest()[:32] if root else "elsewhere"
        self.file = folder / f"{name}.parquet"
        self.fresh: dict[str, ImageMetadata] = {}
        self.unsaved = 0
        self._rows: IndexRows | None = None

    def get(self, key: str, size_bytes: int, mtime_ns: int) -> ImageMetadata | None:
        metadata = self.fresh.get(key)
        if metadata and (metadata.size_bytes, metadata.mtime_ns) == (size_bytes, mtime_ns):
            return metadata
        return self.rows().get(key, size_bytes, mtime_ns)

    def rows(self) -> IndexRows:
        """The rows of the file, read at the first call."""
        if self._rows is None:
            self._rows = read_rows(self.file)
            self._mark_used()
        return self._rows

    def gone(self, keys: Iterable[str]) -> set[str]:
        """The keys whose files do not exist any more, by one listing of each folder."""
        by_folder: dict[str, list[str]] = {}
        for key in keys:
            by_folder.setdefault((self.prefix + key).rpartition(os.sep)[0] or os.sep, []).append(key)
        return {key for folder, members in by_folder.items() for key in _missing(parse_path(folder), members)}

    def _mark_used(self) -> None:
        try:
            if self.file.stat().st_mtime < time.time() - _TOUCH_EVERY:
                os.utime(self.file)
        except OSError:  # it does not exist yet, or is not ours
            return


def _missing(folder: Path, keys: list[str]) -> list[str]:
    if is_web_url(str(folder)):  # not asked: what is not used goes with its file
        return []
    try:
        present = {path.name for path in folder.iterdir()}
    except (FileNotFoundError, NotADirectoryError):
        return keys
    except OSError:  # the folder cannot be read now
        return []
    return [key for key in keys if key.rpartition(os.sep)[2] not in present]
