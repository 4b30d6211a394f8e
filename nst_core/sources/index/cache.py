"""What was found in files, remembered in Parquet under their path, size and mtime: a second look opens none of them.

For what lies at a store, its URL is the path, and its ETag stands in for the time (`nst_core.storage.paths.FileState`).

One file per root folder in `cache_folder()/index`. A cache that is damaged, or was written by other versions, is
ignored and written anew; one that cannot be written costs time and nothing else. Of two processes that write the same
one, the last wins.
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

_SAVE_EVERY = 30.0  # seconds: what an interruption by kill can cost
_UNUSED = 90 * 86400.0  # seconds, after which a cache file that nobody asked for is deleted
_TOUCH_EVERY = 86400.0


class IndexCache:
    """The remembered facts of the files below some root folders (of a dataset, say), and of files elsewhere.

    Attributes:
        trouble: a sentence on why the cache could not be written, if so.
    """

    def __init__(self, roots: Iterable[Path] = (), folder: Path | None = None) -> None:
        self.trouble: str | None = None
        self._folder = cache_folder() / "index" if folder is None else folder
        self._shards = [
            _CacheFile(self._folder, root) for root in dict.fromkeys(str(root.absolute()) for root in roots)
        ]
        self._shards.sort(key=lambda shard: len(shard.prefix), reverse=True)  # of nested roots the innermost counts
        self._elsewhere = _CacheFile(self._folder, "")
        self._saved_at = time.monotonic()
        self._lock = threading.Lock()

    def get(self, path: Path, size_bytes: int, mtime_ns: int) -> ImageMetadata | None:
        """What is known of a file of this size and mtime."""
        shard, key = self._place(path)
        with self._lock:
            return shard.get(key, size_bytes, mtime_ns)

    def put(self, path: Path, facts: ImageMetadata) -> None:
        """Remember what was found; written by the next `save`."""
        shard, key = self._place(path)
        with self._lock:
            shard.fresh[key] = facts
            shard.unsaved += 1

    def save_now_and_then(self) -> None:
        """`save`, if the last time is a while ago: for a long scan that might be killed."""
        if not self.trouble and time.monotonic() - self._saved_at > _SAVE_EVERY:
            self._save(prune=False)

    def save(self) -> None:
        """Write what is new. Entries of files that are gone are dropped, and cache files that nobody used for long."""
        if self._save(prune=True):
            self._sweep()

    def _place(self, path: Path) -> tuple[_CacheFile, str]:
        text = str(path.absolute())  # `..` stays: behind a link it leads elsewhere
        for shard in self._shards:
            if text.startswith(shard.prefix):
                return shard, text[len(shard.prefix) :]
        return self._elsewhere, text

    def _save(self, prune: bool) -> bool:
        """Whether anything was written."""
        written = False
        for shard in [*self._shards, self._elsewhere]:
            with self._lock:
                fresh, unsaved = dict(shard.fresh), shard.unsaved
                if not unsaved:
                    continue
                rows = shard.rows()
            try:
                write_rows(shard.file, rows, fresh, shard.gone(rows.unused() - fresh.keys()) if prune else set())
            except (OSError, DiskFull) as error:
                self.trouble = f"The index's cache cannot be written, so the next scan reads all files again: {error}"
                continue
            with self._lock:
                shard.unsaved -= unsaved
            written = True
        self._saved_at = time.monotonic()
        return written

    def _sweep(self) -> None:
        """Delete cache files of roots that nobody asked for in months, and what killed processes left half-written."""
        oldest = time.time() - _UNUSED
        for path in [*self._folder.glob("*.parquet"), *self._folder.glob(f".*{TEMPORARY_SUFFIX}")]:
            try:
                if path.stat().st_mtime < oldest:
                    path.unlink()
            except OSError:  # another process swept it, or it is not ours to delete: no harm done
                continue


class _CacheFile:
    """The facts of the files below one root; keys are relative to it (absolute where there is no root)."""

    def __init__(self, folder: Path, root: str) -> None:
        self.prefix = root if root.endswith(os.sep) or not root else root + os.sep
        name = hashlib.sha256(os.fsencode(root)).hexdigest()[:32] if root else "elsewhere"
        self.file = folder / f"{name}.parquet"
        self.fresh: dict[str, ImageMetadata] = {}
        self.unsaved = 0
        self._rows: IndexRows | None = None

    def get(self, key: str, size_bytes: int, mtime_ns: int) -> ImageMetadata | None:
        facts = self.fresh.get(key)
        if facts and (facts.size_bytes, facts.mtime_ns) == (size_bytes, mtime_ns):
            return facts
        return self.rows().get(key, size_bytes, mtime_ns)

    def rows(self) -> IndexRows:
        """What the file holds, read when first asked for."""
        if self._rows is None:
            self._rows = read_rows(self.file)
            self._mark_used()
        return self._rows

    def gone(self, keys: Iterable[str]) -> set[str]:
        """Those whose file is not there any more: by one look into each folder, not one at each file."""
        by_folder: dict[str, list[str]] = {}
        for key in keys:
            by_folder.setdefault((self.prefix + key).rpartition(os.sep)[0] or os.sep, []).append(key)
        return {key for folder, members in by_folder.items() for key in _missing(parse_path(folder), members)}

    def _mark_used(self) -> None:
        try:
            if self.file.stat().st_mtime < time.time() - _TOUCH_EVERY:
                os.utime(self.file)
        except OSError:  # there is none yet, or it is not ours
            return


def _missing(folder: Path, keys: list[str]) -> list[str]:
    try:
        present = {path.name for path in folder.iterdir()}
    except (FileNotFoundError, NotADirectoryError):
        return keys
    except OSError:  # a folder that cannot be read now may hold them all the same
        return []
    return [key for key in keys if key.rpartition(os.sep)[2] not in present]
