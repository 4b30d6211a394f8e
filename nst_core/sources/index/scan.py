"""The scan: what is known of many files, from the cache where they are unchanged, otherwise from their bytes."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from pathlib import Path

from nst_core.errors import InputError, UnreadableName
from nst_core.sources.base import is_utf8, path_text
from nst_core.sources.index.cache import IndexCache
from nst_core.sources.index.image_metadata import ScanOptions, read_image_metadata
from nst_core.sources.index.inputs import Input, make_input, unreadable_input
from nst_core.storage.machine import cores
from nst_core.storage.paths import FileState, file_state, remote_states
from nst_core.storage.progress import Progress

_TICK = 0.1  # seconds between two reports
_SETTLED = 2 * 10**9  # ns: a file written less than this before it was read may change again and keep its mtime


def scan(
    wanted: Mapping[Path, ScanOptions], cache: IndexCache | None = None, progress: Progress | None = None
) -> dict[Path, Input]:
    """What is known of each file, in the order of `wanted`; a bad one comes back with its error in it.

    With `verify="header"` a fault that an earlier full check brought to light counts all the same. `progress` gets
    (done, all) in the calling thread; whatever it raises stops the scan, and what was found until then stays cached.
    An OSError that is no fault of the file (EIO, EMFILE) propagates.
    """
    work = _Scan(list(wanted.items()), cache)
    try:
        for done in work.counts():
            if progress:
                progress(done, len(wanted))
            if cache:
                cache.save_now_and_then()
    finally:
        if cache:
            cache.save()
    return work.results()


class _Scan:
    """The files, and the threads that take the next one each until all are done or someone calls it off."""

    def __init__(self, entries: list[tuple[Path, ScanOptions]], cache: IndexCache | None) -> None:
        self._entries = entries
        self._cache = cache
        self._remote = remote_states(path for path, _ in entries)
        self._found: list[Input | None] = [None] * len(entries)
        self._next = iter(range(len(entries)))  # shared: taking from it is one step of the interpreter
        self._stop = threading.Event()

    def counts(self) -> Iterator[int]:
        """Do the work; now and then, and at its end, how many files are done."""
        threads = max(4, 2 * cores())  # reading waits for disks, and hashing and decoding let the others go on
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
            path, wanted = self._entries[position]
            self._found[position] = _look(path, wanted, self._cache, self._remote.get(path))


def _look(path: Path, wanted: ScanOptions, cache: IndexCache | None, state: FileState | None) -> Input:
    if not is_utf8(path):
        return Input(path, error=UnreadableName(path_text(path)))
    now = time.time_ns()
    state = file_state(path) if state is None else state
    known = cache.get(path, *state) if cache else None
    if known is None or not known.answer(wanted):
        try:
            facts = read_image_metadata(path, wanted, *state)
        except InputError as error:
            return unreadable_input(path, state, error)
        known = facts.and_earlier(known) if known else facts
        if cache and now - known.mtime_ns > _SETTLED:
            cache.put(path, known)
    return make_input(path, known, wanted.limits)
