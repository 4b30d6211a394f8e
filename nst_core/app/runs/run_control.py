"""Runs started, paused and resumed, one such request at a time; who works in a run folder is for its lock to say."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from nst_core.app.request_errors import RequestError
from nst_core.app.runs.run_file_rules import RunFileRules, run_file_text
from nst_core.app.runs.run_process import RunProcess
from nst_core.app.runs.settings import RunSettings
from nst_core.app.runs.watched_runs import WatchedRun, WatchedRuns
from nst_core.config.run_config import RunConfig, load_config
from nst_core.errors import NstError
from nst_core.plan.retry import retry_config
from nst_core.run_folder.folder import RunFolder
from nst_core.run_folder.lock.interruption import interrupt_holder
from nst_core.storage.atomic import write_text_atomic
from nst_core.storage.paths import is_local

FILES = ".app-runs"
"""The folder, beside the runs, of the run files that were uploaded, and of what the runs started here print."""

PATIENCE = 30.0
"""Seconds after a pause from which on a run may be ended at once."""

KEPT = 500
"""Files in that folder, beyond which those of runs that are not there any more go."""


class RunControl:
    """Starts, pauses and resumes the runs of a folder."""

    def __init__(self, settings: RunSettings, rules: RunFileRules, runs: WatchedRuns) -> None:
        self._settings, self._rules, self._runs = settings, rules, runs
        self._files = settings.folder / FILES
        self._processes: dict[Path, RunProcess] = {}
        self._paused: dict[tuple[Path, int], float] = {}
        self._lock, self._reading = threading.Lock(), threading.Lock()

    def runs(self) -> list[WatchedRun]:
        """Every run, those first that were started here and go on, then the newest."""
        return self._runs.all(beside=self.own_runs())

    def find(self, identity: str) -> WatchedRun:
        """The run of that id. Raises RequestError."""
        return self._runs.find(identity, beside=self.own_runs())

    def process(self, run: WatchedRun) -> RunProcess | None:
        """The last process that was started here for a run, until another one works on it."""
        process = self._processes.get(run.folder)
        owners = {holder.owner.pid for holder in run.present if holder.owner is not None}
        if process is not None and process.code is not None and owners and process.pid not in owners:
            self._processes.pop(run.folder, None)  # what was wrong then is over
            return None
        return process

    def own_runs(self) -> list[Path]:
        """Run folders of runs that were started here and go on, or ended before they made any; the last first."""
        return [folder for folder in reversed(list(self._processes)) if self._goes_on(folder) or not folder.exists()]

    def log(self, run: WatchedRun) -> Path:
        """The file of what a run prints that is started here."""
        return self._files / f"{run.id}.log"

    def pausing_for(self, run: WatchedRun) -> float | None:
        """Seconds since a run that is still at work was paused; None where it was not."""
        now = time.monotonic()
        times = [now - self._paused[run.folder, pid] for pid in self._pids(run) if (run.folder, pid) in self._paused]
        return max(times, default=None)

    def start_uploaded(self, data: bytes, file_name: str) -> WatchedRun:
        """Start the run of an uploaded run file, in a new run folder. Raises RequestError."""
        with self._reading:
            config = self._rules.read(data, file_name)
        folder = self._settings.folder / config.name
        with self._lock:
            if os.path.lexists(folder) or self._goes_on(folder):
                raise RequestError(
                    409, f"There is {config.name} already: resume that, or give this run another name (`name: …`)."
                )
            return self._start(self._runs.of(folder), self._written(config))

    def start_chosen(self, name: str) -> WatchedRun:
        """Start, or go on with, the run of one of the run files that can be chosen. Raises RequestError."""
        path = self._settings.choices().get(name)
        if path is None:
            raise RequestError(404, "There is no such run file here.")
        folder = self._folder_of(path)
        if folder is None:
            raise RequestError(
                422, f"{name} writes elsewhere, and only runs below {self._settings.folder} are started here."
            )
        with self._lock:
            return self._start(self._runs.of(folder), [str(path)])

    def resume(self, run: WatchedRun) -> WatchedRun:
        """Go on with a run: what is missing or failed is made. Raises RequestError."""
        with self._lock:
            return self._start(run, self._arguments(run))

    def pause(self, run: WatchedRun, at_once: bool = False) -> WatchedRun:
        """Send Ctrl-C to the processes of a run, once; or once more, `at_once`. Raises RequestError."""
        with self._lock:
            pids = self._pids(run.read(anew=True))
            if not pids:
                raise RequestError(409, f"Nobody works on {run.id} now.")
            seconds = self.pausing_for(run)
            if at_once != (seconds is not None) or (at_once and seconds is not None and seconds < PATIENCE):
                raise RequestError(
                    409, f"{run.id} is not being paused." if seconds is None else f"{run.id} is being paused already."
                )
            self._interrupt(run)
            self._paused |= {(run.folder, pid): time.monotonic() for pid in pids}
        return run.read(anew=True)

    def _interrupt(self, run: WatchedRun) -> None:
        process = self._processes.get(run.folder)
        try:
            for holder in run.present:
                interrupt_holder(run.folder, holder)
        except NstError as error:
            raise RequestError(409, str(error)) from error
        if not run.present and process is not None:
            process.interrupt()

    def _pids(self, run: WatchedRun) -> set[int]:
        """The processes that worked on a run when it was last read."""
        process = self._processes.get(run.folder)
        found = {holder.owner.pid for holder in run.present if holder.owner is not None}
        return found | ({process.pid} if process is not None and process.code is None else set())

    def _goes_on(self, folder: Path) -> bool:
        process = self._processes.get(folder)
        return process is not None and process.code is None

    def _start(self, run: WatchedRun, arguments: Sequence[str]) -> WatchedRun:
        if run.read(anew=True).present or self._goes_on(run.folder):
            raise RequestError(409, f"{run.id} is at work already.")
        others = self._runs.all(beside=(run.folder, *self.own_runs()))
        busy = [other.id for other in others if other.at_work or self._goes_on(other.folder)]
        if len(busy) >= self._settings.at_once:
            names, most = " and ".join(busy), self._settings.at_once
            raise RequestError(
                409,
                f"{names} {'is' if len(busy) == 1 else 'are'} at work, and no more than {most} may be at a time: "
                "wait for its end, or pause it.",
            )
        self._paused = {key: value for key, value in self._paused.items() if key[0] != run.folder}
        try:
            self._files.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._processes.pop(run.folder, None)  # to come last
            self._processes[run.folder] = RunProcess([*self._settings.command, *arguments], self.log(run))
        except OSError as error:
            raise RequestError(503, f"The run cannot be started ({error.strerror}).") from error
        self._tidy(self.log(run))
        return run.read(anew=True)

    def _written(self, config: RunConfig) -> list[str]:
        """The arguments of `nst run` for an uploaded run file, which is written down as it was understood."""
        path = self._uploaded(config.name)
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_text_atomic(path, run_file_text(config))
        except (OSError, NstError) as error:
            raise RequestError(
                507, "The run file cannot be kept: the disk is full, or the name is too long."
            ) from error
        return self._arguments_of(path)

    def _arguments_of(self, path: Path) -> list[str]:
        return [str(path), "--max-pairs", str(self._settings.pairs)]

    def _arguments(self, run: WatchedRun) -> list[str]:
        """The run file of a run: the one uploaded, one that can be chosen, or what its run.yaml says."""
        if run.folder.parent == self._settings.folder and self._uploaded(run.folder.name).is_file():
            return self._arguments_of(self._uploaded(run.folder.name))
        for path in self._settings.choices().values():
            if self._folder_of(path, quiet=True) == run.folder:
                return [str(path)]
        try:
            config = retry_config(RunFolder(run.folder))
        except NstError as error:
            raise RequestError(409, str(error)) from error
        if faults := self._rules.reading_faults(config):
            raise RequestError(
                409,
                f"This run was not started here, and reads more than may be read from here: {'; '.join(faults)}. "
                "Resume it with `nst run`.",
            )
        path = self._files / f"{run.id}.resumed.yaml"
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_text_atomic(path, run_file_text(self._rules.here(config, run.folder.parent)))
        return [str(path)]

    def _folder_of(self, path: Path, quiet: bool = False) -> Path | None:
        """The run folder of a run file, where it is one of those here. Raises RequestError for a faulty file."""
        try:
            config = load_config(path)
        except NstError as error:
            if quiet:
                return None
            raise RequestError(422, str(error)) from error
        own = self._settings.folder
        folder = config.run_folder
        if not is_local(folder) or os.path.realpath(folder.parent) != os.path.realpath(own):
            return None
        return own / folder.name

    def _uploaded(self, name: str) -> Path:
        return self._files / f"{name}.yaml"

    def _tidy(self, used: Path) -> None:
        """Forget the oldest files, and the processes that have ended, of runs that are not there any more."""
        files = sorted(self._files.iterdir(), key=lambda path: path.stat().st_mtime)
        for path in files[: max(0, len(files) - KEPT)]:
            if path.stem != used.stem and not (self._settings.folder / path.stem).exists():
                path.unlink(missing_ok=True)
        ended = [folder for folder in self.own_runs() if not self._goes_on(folder)]
        for folder in ended[20:]:
            del self._processes[folder]
