"""The results' own files, which a gallery leads to: where they are from its pages, copied to it or left in the run."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from nst_core.errors import UsageError
from nst_core.storage.atomic import atomic_path, write_bytes_atomic
from nst_core.storage.paths import NO_FILE, FileState, file_state, is_local, remote_states
from nst_core.views.runs import Run
from nst_core.views.web import address

COPIES = "originals"


class Originals(Protocol):
    """Makes the files of results reachable from an artist's page."""

    kind: str
    """What decides the addresses, apart from the results' own names."""

    def address(self, run: Run, file_name: str, state: FileState) -> str:
        """The address from `<gallery>/<artist>/index.html` of a file that is there, `state` being what it is like."""

    def are_reachable(self, results: Iterable[tuple[Run, str, FileState]]) -> bool:
        """Whether those of the results that are there can be had at their addresses as they are now."""


class InTheRun:
    """The gallery lies in the run folder: handed on together, they stay together."""

    kind = "in the run"

    def address(self, run: Run, file_name: str, state: FileState) -> str:
        return address(f"../../{file_name}")

    def are_reachable(self, results: Iterable[tuple[Run, str, FileState]]) -> bool:
        return True


class LeftWhereTheyAre:
    """The gallery leads to the run folders, by relative paths."""

    def __init__(self, gallery: Path, runs: Sequence[Run]) -> None:
        if not all(is_local(folder) for folder in (gallery, *(run.folder for run in runs))):
            raise UsageError("--no-copy: pages cannot lead from one place to another at a store: leave it out.")
        self._page = gallery.resolve() / "artist"
        self.kind = json.dumps(["left", *((run.key, self._from_page(run, "")) for run in runs)])

    def address(self, run: Run, file_name: str, state: FileState) -> str:
        return address(self._from_page(run, file_name))

    def are_reachable(self, results: Iterable[tuple[Run, str, FileState]]) -> bool:
        return True

    def _from_page(self, run: Run, file_name: str) -> str:
        return os.path.relpath(run.folder.resolve() / file_name, self._page)


class Copied:
    """The gallery has copies in `originals/<run>/`: it can be put anywhere by itself."""

    kind = "copied"

    def __init__(self, gallery: Path) -> None:
        self._gallery = gallery

    def address(self, run: Run, file_name: str, state: FileState) -> str:
        source, target = run.folder / file_name, copy_of(self._gallery, run.key, file_name)
        if not _is_copy(source, state, target, file_state(target)):
            _copy(source, target)
        return address(f"../{COPIES}/{run.key}/{file_name}")

    def are_reachable(self, results: Iterable[tuple[Run, str, FileState]]) -> bool:
        wanted = [
            (run.folder / name, state, copy_of(self._gallery, run.key, name))
            for run, name, state in results
            if is_there(state)
        ]
        states = file_states(target for _, _, target in wanted)
        return all(_is_copy(source, state, target, states[target]) for source, state, target in wanted)


def copy_of(gallery: Path, run_key: str, file_name: str) -> Path:
    """Where a gallery that has copies has the one of this file."""
    return gallery / COPIES / run_key / file_name


def file_states(paths: Iterable[Path]) -> Mapping[Path, FileState]:
    """What tells cheaply whether the files may have changed; where many lie in a remote folder, by listing it."""
    paths = list(paths)
    return remote_states(paths) | {path: file_state(path) for path in paths if is_local(path)}


def is_there(state: FileState) -> bool:
    return state != NO_FILE


def _is_copy(source: Path, state: FileState, target: Path, copied: FileState) -> bool:
    """Whether the target is what the source is now: of its size and, where clocks can be compared, no older."""
    return copied[0] == state[0] and not (is_local(source) and is_local(target) and copied[1] < state[1])


def _copy(source: Path, target: Path) -> None:
    if is_local(source) and is_local(target):
        with atomic_path(target) as temporary:
            shutil.copyfile(source, temporary)
    else:
        write_bytes_atomic(target, source.read_bytes())
