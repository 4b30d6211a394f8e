"""The run folders that the page of runs shows, found and read again and again, for all visitors together."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from nst_core.app.request_errors import RequestError
from nst_core.errors import NstError
from nst_core.run_folder.folder import METHODS, RUN_YAML, RunFolder
from nst_core.run_folder.lock.run_lock import Holder, read_holders
from nst_core.run_folder.newest_pictures import MadePicture, newest_pictures
from nst_core.run_folder.run_progress import ProgressReader, RunProgress
from nst_core.storage.paths import file_state
from nst_core.sweep.variants import VARIANTS

BUSY_SECONDS, IDLE_SECONDS = 1.0, 5.0
"""How long a run that is at work, or one that is not, is not read again, however many ask."""

PICTURES = 6
"""Last pictures that are shown of a run."""

BETWEEN = "~"
"""Stands between the names of a sweep and of its variant."""


@dataclass
class WatchedRun:
    """A run folder, and what was last read of it. Thread-safe.

    Attributes:
        id: its name, or those of a sweep and a variant.
        progress: None where it cannot be read; `fault` then says why.
        pictures: the last ones, by pair, those of before included: pages that were not brought up to date show them.
    """

    id: str
    folder: Path
    clock: Callable[[], float] = time.monotonic
    progress: RunProgress | None = None
    fault: str | None = None
    newest: list[MadePicture] = field(default_factory=list)
    pictures: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._reader, self._lock, self._read_at, self._seen = ProgressReader(self.folder), threading.Lock(), -1e9, -1

    def read(self, anew: bool = False, busy: bool = False) -> WatchedRun:
        """Read it, unless that was done a moment ago. `busy`: it counts as at work, whatever was read last."""
        with self._lock:
            age = self.clock() - self._read_at
            if anew or age >= (BUSY_SECONDS if busy or self.present else IDLE_SECONDS):
                try:
                    self.progress, self.fault = self._reader.read(), None
                    self._read_pictures(self.progress.counts.success)
                except (NstError, OSError) as error:
                    self.progress, self.fault = None, str(error)
                self._read_at = self.clock()
        return self

    def _read_pictures(self, made: int) -> None:
        if made == self._seen:
            return
        self._seen, self.newest = made, newest_pictures(self.folder, PICTURES)
        shown = {picture.pair_id: picture.file_name for picture in self.newest}
        self.pictures = dict([*self.pictures.items(), *shown.items()][-10 * PICTURES :])

    @property
    def at_work(self) -> bool:
        """Whether a process of this machine works there, as of now; told without reading the plan."""
        return any(holder.alive for holder in read_holders(self.folder))

    @property
    def present(self) -> tuple[Holder, ...]:
        """The processes that worked there when it was last read."""
        return self.progress.holders.present if self.progress is not None else ()


class WatchedRuns:
    """The runs in a folder: its run folders, and the variants of its sweeps.

    Args:
        own: the app's run folder, which is no run that could be paused.
    """

    def __init__(self, root: Path, own: Path) -> None:
        self.root, self._own = root, _real(own)
        self._known: dict[Path, WatchedRun] = {}
        self._lock = threading.Lock()

    def all(self, beside: Iterable[Path] = ()) -> list[WatchedRun]:
        """Every run, the newest first.

        Args:
            beside: run folders that come first, whether they are there or not.
        """
        found = sorted((folder for _, folder in self._folders()), key=_changed, reverse=True)
        folders = dict.fromkeys((*beside, *found))
        with self._lock:
            self._known = {folder: run for folder, run in self._known.items() if folder in folders}
        return [self.of(folder) for folder in folders]

    def find(self, identity: str, beside: Iterable[Path] = ()) -> WatchedRun:
        """The run of that id. Raises RequestError."""
        for name, folder in (*((folder.name, folder) for folder in beside), *self._folders()):
            if name == identity:
                return self.of(folder)
        raise RequestError(404, "There is no such run here.")

    def of(self, folder: Path) -> WatchedRun:
        """The run in a folder, which need not be there yet."""
        with self._lock:
            known = self._known.get(folder)
            if known is None:
                parts = [part for part in folder.relative_to(self.root).parts if part != VARIANTS]
                known = self._known[folder] = WatchedRun(BETWEEN.join(parts), folder)
            return known

    def _folders(self) -> Iterator[tuple[str, Path]]:
        for folder in _members(self.root):
            if _real(folder) == self._own:
                continue
            if _is_run(folder):
                yield folder.name, folder
            else:
                for variant in _members(folder / VARIANTS):
                    if _is_run(variant):
                        yield f"{folder.name}{BETWEEN}{variant.name}", variant


def _members(folder: Path) -> list[Path]:
    """The folders in a folder, those that are hidden and links left out."""
    try:
        with os.scandir(folder) as entries:
            found = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return []
    return sorted(folder / name for name in found if not name.startswith(".") and name.isprintable())


def _is_run(folder: Path) -> bool:
    """Whether it is a run's folder, or one in which a run has just begun; another app's is none."""
    if (folder / RUN_YAML).is_file():
        return not _belongs_to_app(folder)
    return RunFolder(folder).exists() or any(holder.alive for holder in read_holders(folder))


def _belongs_to_app(folder: Path) -> bool:
    """Whether a run.yaml lists methods of its own rows, as only apps write it; looked for without parsing YAML."""
    try:
        with (folder / RUN_YAML).open(encoding="utf-8", errors="replace") as lines:
            return any(line.startswith(f"{METHODS}:") for line in lines)
    except OSError:
        return False


def _real(folder: Path) -> str:
    return os.path.realpath(folder)


def _changed(folder: Path) -> int:
    return max(file_state(folder / name)[1] for name in ("", RUN_YAML, "summary.json", "plan", "results"))
