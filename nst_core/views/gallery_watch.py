"""The watch over runs that are going on: their gallery is rebuilt whenever they have something new for it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from nst_core.errors import FolderInUse, Interrupted, NstError, RunFolderError, UsageError
from nst_core.run_folder import descriptors, quality
from nst_core.run_folder.artists import ARTISTS_FILE
from nst_core.run_folder.folder import RUN_YAML, RunFolder
from nst_core.run_folder.lock.holders import Holders, HolderWatcher
from nst_core.storage.paths import FileState, file_state, files_below, is_local, states_below
from nst_core.storage.progress import Progress
from nst_core.views.gallery.builder import GalleryReport
from nst_core.views.pages import build_pages

REST = 3.0
"""How long to wait after a build, at least, over what it took: building never takes more than a quarter of the time."""

LAST_TRIES = 3
"""Builds that may fail once no run is going on any more."""

Sources = tuple[dict[str, FileState], bool]
"""The states of the files that a gallery is made from, and whether a run is going on."""


@dataclass(frozen=True)
class WatchBuild:
    """What became of one build: its report, or why it failed."""

    seconds: float
    report: GalleryReport | None
    failure: str = ""


class GalleryWatch:
    """Looks at runs, again and again, and builds their gallery where that is out of date.

    Attributes:
        going_on: whether a process worked in one of the runs at the last look.
        holders: the processes of all runs at that look.
    """

    def __init__(
        self,
        runs: Sequence[Path],
        gallery: Path | None = None,
        copy: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """A watch. Arguments as of `build_gallery`.

        Raises:
            RunFolderError: there is no such run, and none that begins there.
        """
        self._runs, self._gallery, self._copy, self._clock = tuple(runs), gallery, copy, clock
        self._watchers = [HolderWatcher(run) for run in runs]
        self._begun = list[Path]()
        self._seen: Sources | None = None
        self._built: Sources | None = None
        self._took, self._failures = 0.0, 0
        self.going_on, self.holders = False, tuple[Holders, ...]()
        for run, watcher in zip(self._runs, self._watchers, strict=True):
            if not RunFolder(run).exists() and not watcher.read().present:
                RunFolder(run).check_exists()

    @property
    def is_outdated(self) -> bool:
        """Whether there was something at the last look that the gallery does not show."""
        return self._seen is not None and self._seen != self._built and bool(self._begun)

    @property
    def has_ended(self) -> bool:
        """Whether the gallery shows all that there is, and nobody is making more."""
        return self._seen is not None and not self.going_on and self._seen == self._built

    def look(self) -> str:
        """Look at the runs; returns why that was not possible, as while a store is out of reach, or nothing.

        Raises:
            UsageError: the store refuses, or the runs are no longer there.
        """
        self._seen = None
        try:
            holders = tuple(watcher.read() for watcher in self._watchers)  # first: the files are then those of the end
            states = {name: state for run in self._runs for name, state in source_states(run).items()}
        except RunFolderError as error:  # a store's locks cannot be read; what it refuses, it refuses below, too
            for run in self._runs:
                RunFolder(run).exists()
            return str(error)
        except (UsageError, Interrupted):
            raise
        except (NstError, OSError) as error:
            return str(error)
        self.holders, self.going_on = holders, any(one.present for one in holders)
        self._begun = [run for run in self._runs if run in self._begun or RunFolder(run).exists()]
        if not self._begun and not self.going_on:  # it was refused before it began
            RunFolder(self._runs[0]).check_exists()
        self._seen = states, self.going_on
        return ""

    def build(self, progress: Progress | None = None) -> WatchBuild:
        """Build what has changed, as it was at the last look or newer.

        A full disk, a store out of reach and another process that builds the same gallery are failures, after which the
        gallery is still out of date.

        Raises:
            UsageError: the gallery cannot be built there at all.
            NstError, OSError: it failed, `LAST_TRIES` times after the runs had ended.
        """
        started = self._clock()
        try:
            report = build_pages(self._begun, self._gallery, self._copy, progress, so_far=self.going_on)
        except Interrupted:
            raise
        except (NstError, OSError) as error:
            self._took = self._clock() - started
            self._failures += not self.going_on
            if isinstance(error, UsageError) and not isinstance(error, FolderInUse):
                raise
            if self._failures >= LAST_TRIES:
                raise
            return WatchBuild(self._took, None, str(error))
        self._took, self._built, self._failures = self._clock() - started, self._seen, 0
        return WatchBuild(self._took, report)

    def pause(self, every: float) -> float:
        """Seconds until the next look, where `every` would do if builds took no time."""
        return max(every, REST * self._took)


def source_states(run: Path) -> dict[str, FileState]:
    """The states of what a gallery is made from: result files, quality, descriptors, `artists.csv`, `run.yaml`.

    Nothing of it is read; at a store it takes a listing for each of three folders.
    """
    states: dict[str, FileState] = {}
    for name in ("results", quality.FOLDER, descriptors.FOLDER):
        folder = run / name
        if is_local(folder):
            below = {file: file_state(folder / file) for file in files_below(folder) if file.endswith(".parquet")}
        else:
            below = states_below(folder)
        states |= {f"{folder}/{file}": state for file, state in below.items()}
    files = {str(run / name): file_state(run / name) for name in (ARTISTS_FILE, RUN_YAML)}
    return states | {name: state for name, state in files.items() if state[0] >= 0}
