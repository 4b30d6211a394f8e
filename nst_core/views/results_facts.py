"""The results files of runs, with the number of rows and the artist of each; of a file at a store asked once."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from nst_core.run_folder.results import result_files
from nst_core.run_folder.results_reader import count_rows, read_results
from nst_core.storage.listed_states import ListedStates
from nst_core.storage.paths import is_local
from nst_core.views.kept_records import KeptRecords

_SECTION = "results"


class ResultsFacts:
    """Facts of results files. On a disk they are read each time, from the ends of the files."""

    def __init__(self, states: ListedStates | None = None, kept: KeptRecords | None = None) -> None:
        self._states = states or ListedStates([])
        self._kept: dict[str, Any] = kept.section(_SECTION) if kept else {}

    def rows(self, folder: Path, key: str) -> list[tuple[Path, int]]:
        """The sound results files of a run with their rows, in order; `key` tells the run from others."""
        files = list(result_files(folder))
        if is_local(folder):
            return list(count_rows(files))
        states = self._states.states(files)
        names = {file: f"{file.parent.name}/{file.name}" for file in files}
        before = self._kept.get(key)
        facts: dict[str, list[Any]] = {}
        for file in files:
            known: Any = before.get(names[file]) if isinstance(before, dict) else None
            if _is_fact(known) and known[:2] == list(states[file]):
                facts[names[file]] = known
        for file, rows in count_rows(file for file in files if names[file] not in facts):
            facts[names[file]] = [*states[file], rows]
        self._kept[key] = facts
        return [(file, facts[names[file]][2]) for file in files if names[file] in facts]

    def artist(self, key: str, files: Iterable[Path]) -> str | None:
        """The name of the artist in the first row of these files that has one; `rows` was asked for them before."""
        for file in files:
            fact = self._kept.get(key, {}).get(f"{file.parent.name}/{file.name}")
            name = fact[3] if fact and len(fact) > 3 else _first_artist(file)
            if fact and len(fact) == 3:
                fact.append(name)
            if name is not None:
                return str(name)
        return None


def _is_fact(value: Any) -> bool:
    """Whether this is [size, time or tag, rows] and perhaps the artist's name."""
    numbers = isinstance(value, list) and len(value) in (3, 4) and all(type(number) is int for number in value[:3])
    return numbers and (len(value) == 3 or isinstance(value[3], str | None))


def _first_artist(file: Path) -> str | None:
    for part in read_results([file], ["artist"]):
        for name in part.table["artist"].drop_null().to_pylist():
            return str(name)
    return None
