"""The scan of many files: metadata from the cache where they are unchanged, otherwise from their bytes."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from pathlib import Path

from nst_core.engine.images.limits import ImageLimits
from nst_core.errors import InputError, UnreadableName
from nst_core.sources.base import check_locale, is_utf8, path_text
from nst_core.sources.index.cache import IndexCache
from nst_core.sources.index.image_metadata import ScanOptions, read_image_metadata
from nst_core.sources.index.inputs import Input, make_input, unreadable_input
from nst_core.storage.machine import cores
from nst_core.storage.paths import FileState, file_state, remote_states
from nst_core.storage.progress import Progress

_TICK = 0.1  # seconds between two reports
_SETTLED = 2 * 10**9  # ns; a file written less than this before it was read may change again within one mtime


def scan(
    options: Mapping[Path, ScanOptions], cache: IndexCache | None = None, progress: Progress | None = None
) -> dict[Path, Input]:
    """Scan each file with its options; returns inputs in the order of `options`, those of bad files with an error.

    A fault that an earlier full check found is reported with `verify="header"`, too. `progress` takes (done, total)
    files in the calling thread; an exception that it raises stops the scan, and what was found so far stays cached. An
    OSError that is no fault of the file (EIO, EMFILE) propagates.
    """
    work = _Scan(list(options.items()), cache)
    try:
        for done in work.counts():
            if progress:
                progress(done, len(options))
            if cache:
                cache.save_periodically()
    finally:
        if cache:
            cache.save()
    return work.results()


def inspect_input(path: Path, limits: ImageLimits) -> Input:
    """Read the header of one file and hash it, without a cache; a bad image gets an `error`."""
    return _scan_file(path, ScanOptions(limits), None, None)


class _Scan:
    """The files of a scan, and the threads that each take the next one until all are done or the scan is stopped."""

    def __init__(self, entries: list[tuple[Path, ScanOptions]], cache: IndexCache | None) -> None:
        self._entries = entries
        self._cache = cache
        self._remote = remote_states(path for path, _ in entries)
        self._found: list[Input | None] = [None] * len(entries)
        self._next = iter(range(len(entries)))  # shared by the threads: `next` is atomic
        self._stop = threading.Event()

    def counts(self) -> Iterator[int]:
        """Scan the files; yields the number done, every `_TICK` seconds and at the end."""
        threads = max(4, 2 * cores())  # reading waits for disks; hashing and decoding release the interpreter's lock
        pool = ThreadPoolExecutor(threads, thread_name_prefix="index")
        pending: set[Future[None]] = {pool.submit(self._take) for _ in range(min(threads, len(self._entries)))}
        try:
            while pending:
                finished, pending = wait(pending, _TICK, FIRST_EXCEPTION)
                for future in finished:
                    future.result()
                yield len(self._found) - self._found.count(None)
        finally:
            self._stop.set()
            pool.shutdown()

    def results(self) -> dict[Path, Input]:
        return {found.path: found for found in self._found if found}

    def _take(self) -> None:
        for position in self._next:
            if self._stop.is_set():
                return
            path, options = self._entries[position]
            self._found[position] = _scan_file(path, options, self._cache, self._remote.get(path))


def _scan_file(path: Path, options: ScanOptions, cache: IndexCache | None, state: FileState | None) -> Input:
    if not is_utf8(path):
        check_locale(path)
        return Input(path, error=UnreadableName(path_text(path)))
    now = time.time_ns()
    state = file_state(path) if state is None else state
    metadata = cache.get(path, *state) if cache else None
    if metadata is None or not metadata.is_enough(options):
        try:
            fresh = read_image_metadata(path, options, *state)
        except InputError as error:
            return unreadable_input(path, state, error)
        metadata = fresh.merge(metadata) if metadata else fresh
        if cache and now - metadata.mtime_ns > _SETTLED:
            cache.put(path, metadata)
    return make_input(path, metadata, options.limits)
