"""States of many files of a few folders: at a store each folder is listed once, with all below it."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path

from nst_core.storage.paths import NO_FILE, FileState, as_remote, file_state, is_local, remote_states, states_below


class ListedStates:
    """The states of files (`nst_core.storage.paths.file_state`), for a work that asks for many of them.

    What lies in one of `folders` at a store is looked up in a listing of that folder, which is made when the first of
    its files is asked for, and kept: it shows the store as it was then. Everything else is asked for each time.
    """

    def __init__(self, folders: Iterable[Path]) -> None:
        self._listings = {str(folder).rstrip("/"): _Listing(folder) for folder in folders if not is_local(folder)}

    def state(self, path: Path) -> FileState:
        """The state of one file."""
        found = self._listed(path)
        return file_state(path) if found is None else found

    def states(self, paths: Iterable[Path]) -> dict[Path, FileState]:
        """The state of each file."""
        paths = list(paths)
        found = {path: self._listed(path) for path in paths}
        others = [path for path, state in found.items() if state is None]
        asked = remote_states(others) | {path: file_state(path) for path in others if is_local(path)}
        return {path: asked[path] if state is None else state for path, state in found.items()}

    def is_there(self, path: Path) -> bool:
        """Whether there is such a file."""
        return self.state(path) != NO_FILE

    def glob(self, folder: Path, pattern: str) -> list[Path]:
        """The files of a folder that match; `*` matches within one name. One of `folders` if it lies at a store."""
        listing = self._listings.get(str(folder).rstrip("/"))
        if listing is None:
            return list(folder.glob(pattern))
        depth = pattern.count("/")
        names = (name for name in listing.states() if name.count("/") == depth)
        return [folder / name for name in names if all(map(fnmatchcase, name.split("/"), pattern.split("/")))]

    def forget(self, path: Path) -> None:
        """Ask the store for this file from now on: it was written since the listing."""
        for folder, listing in self._listings.items():
            if (name := _name_below(folder, path)) is not None:
                listing.forget(name)

    def _listed(self, path: Path) -> FileState | None:
        """The state as it was listed; None where the file has to be asked for."""
        if not self._listings or is_local(path):
            return None
        for folder, listing in self._listings.items():
            if (name := _name_below(folder, path)) is not None:
                return listing.state(name)
        return None


class _Listing:
    """The files below one folder at a store, listed when first asked for; several threads may ask."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._states: dict[str, FileState] | None = None
        self._forgotten: set[str] = set()
        self._lock = threading.Lock()

    def states(self) -> Mapping[str, FileState]:
        with self._lock:
            if self._states is None:
                self._states = states_below(self._folder)
            return self._states

    def state(self, name: str) -> FileState | None:
        return None if name in self._forgotten else self.states().get(name, NO_FILE)

    def forget(self, name: str) -> None:
        self._forgotten.add(name)


def _name_below(folder: str, path: Path) -> str | None:
    text = str(path)
    return text[len(folder) + 1 :] if text.startswith(f"{folder}/") and as_remote(path) is not None else None
