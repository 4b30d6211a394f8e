"""Paths of pages: files inside of a folder, the run folder around a place, the states of many files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

from nst_core.run_folder.folder import RunFolder
from nst_core.storage.paths import FileState, file_state, is_local, remote_states


def path_inside(folder: Path, name: str | None) -> Path | None:
    """The file of a relative name; None of no name, and of one that leads out of the folder.

    Run folders and galleries may come from somebody else: a name in them must not lead to other files.
    """
    path = PurePosixPath(name or "")
    leads_out = path.is_absolute() or ".." in path.parts or "\0" in str(path)
    return None if leads_out or not path.parts else folder / path


def enclosing_run(place: Path, runs: Iterable[Path]) -> Path | None:
    """The run folder that a place is or lies in, one of `runs` or any other, resolved; None where there is none."""
    place, resolved = resolve(place), set(map(resolve, runs))
    return next(
        (folder for folder in (place, *place.parents) if folder in resolved or RunFolder(folder).holds_run()), None
    )


def resolve(path: Path) -> Path:
    """A local path without links; one at a store as it is."""
    return path.resolve() if is_local(path) else path


def file_states(paths: Iterable[Path]) -> Mapping[Path, FileState]:
    """The states of files, which change with their content; many files of a remote folder take one listing."""
    paths = list(paths)
    return remote_states(paths) | {path: file_state(path) for path in paths if is_local(path)}
