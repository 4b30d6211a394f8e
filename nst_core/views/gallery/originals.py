"""The results' own files, which a gallery leads to: in the run folders, or copied to the gallery."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

from nst_core.errors import UsageError
from nst_core.run_folder.own_files import open_own_file, read_own_file
from nst_core.storage.atomic import atomic_path, write_bytes_atomic
from nst_core.storage.listed_states import ListedStates
from nst_core.storage.paths import NO_FILE, FileState, is_local
from nst_core.views.runs import Run
from nst_core.views.web import address

COPIES = "originals"


class Originals:
    """The files of results, as an artist's pages reach them: here, from a gallery in the run folder.

    Attributes:
        kind: decides the addresses, with the results' own names.
    """

    kind = "in the run"

    def address(self, run: Run, file_name: str, state: FileState) -> str:
        """The address from `<gallery>/<artist>/index.html` of a file that is there, in the given state."""
        return address(f"../../{file_name}")

    def are_reachable(self, results: Iterable[tuple[Run, str, FileState]]) -> bool:
        """Whether those of the results that are there can be had at their addresses as they are now."""
        return True


class LinkedOriginals(Originals):
    """The files in the run folders, by relative paths from a gallery elsewhere."""

    def __init__(self, gallery: Path, runs: Sequence[Run]) -> None:
        if not all(is_local(folder) for folder in (gallery, *(run.folder for run in runs))):
            raise UsageError("--no-copy: pages cannot lead from one place to another at a store: leave it out.")
        self._page = gallery.resolve() / "artist"
        self.kind = json.dumps(["left", *((run.key, self._relative(run, "")) for run in runs)])

    def address(self, run: Run, file_name: str, state: FileState) -> str:
        return address(self._relative(run, file_name))

    def _relative(self, run: Run, file_name: str) -> str:
        return os.path.relpath(run.folder.resolve() / file_name, self._page)


class CopiedOriginals(Originals):
    """Copies in `originals/<run>/` of a gallery, which can then be put anywhere by itself."""

    kind = "copied"

    def __init__(self, gallery: Path, states: ListedStates) -> None:
        self._copies, self._states = gallery / COPIES, states

    def address(self, run: Run, file_name: str, state: FileState) -> str:
        source, target = run.folder / file_name, self._copies / run.key / file_name
        if not _is_copy(source, state, target, self._states.state(target)):
            _copy(run, file_name, target)
            self._states.forget(target)
        return address(f"../{COPIES}/{run.key}/{file_name}")

    def are_reachable(self, results: Iterable[tuple[Run, str, FileState]]) -> bool:
        copies = [
            (run.folder / name, state, self._copies / run.key / name)
            for run, name, state in results
            if state != NO_FILE
        ]
        states = self._states.states(target for _, _, target in copies)
        return all(_is_copy(source, state, target, states[target]) for source, state, target in copies)


def _is_copy(source: Path, state: FileState, target: Path, copied: FileState) -> bool:
    """Whether the target is what the source is now: of its size and, where clocks can be compared, no older."""
    return copied[0] == state[0] and not (is_local(source) and is_local(target) and copied[1] < state[1])


def _copy(run: Run, file_name: str, target: Path) -> None:
    if is_local(target):
        with (
            open_own_file(run.folder, file_name) as source,
            atomic_path(target) as temporary,
            temporary.open("wb") as copy,
        ):
            shutil.copyfileobj(source, copy)
    else:
        write_bytes_atomic(target, read_own_file(run.folder, file_name))
