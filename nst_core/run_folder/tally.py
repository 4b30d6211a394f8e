"""How far a run is, looked at again and again: results parts that did not change are not read twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from nst_core.run_folder.folder import RunFolder
from nst_core.run_folder.results import chunk_file
from nst_core.storage.paths import NO_FILE, FileState, file_state, parquet_source, remote_states

Outcomes = Counter[tuple[str, str | None]]


@dataclass(frozen=True)
class Tally:
    """Planned pairs by what their rows say.

    Attributes:
        errors: failed and quarantined pairs by reason.
        left_out: skipped pairs by reason.
    """

    planned: int
    success: int
    failed: int
    quarantined: int
    skipped: int
    errors: dict[str, int]
    left_out: dict[str, int]

    @property
    def left(self) -> int:
        """Pairs that a run would work on: never reached, or failed."""
        return self.planned - self.success - self.quarantined - self.skipped


class Counting:
    """Counts the rows of one run folder. Whether the images are there is not looked at: that is for `verify`."""

    def __init__(self, root: Path) -> None:
        self._folder = RunFolder(root)
        self._plan_states: dict[Path, FileState] = {}
        self._planned = 0
        self._files: list[Path] = []
        self._counted: dict[Path, tuple[FileState, Outcomes]] = {}

    def tally(self) -> Tally:
        """The counts of this moment. Raises RunFolderError if a plan part is damaged."""
        self._look_at_plan()
        total: Outcomes = Counter()
        for file, state in _states(self._files).items():
            total.update(self._outcomes(file, state))
        by_status: Counter[str] = Counter()
        for (status, _), count in total.items():
            by_status[status] += count
        return Tally(
            planned=self._planned,
            success=by_status["success"],
            failed=by_status["failed"],
            quarantined=by_status["quarantined"],
            skipped=by_status["skipped"],
            errors=_reasons(total, "failed", "quarantined"),
            left_out=_reasons(total, "skipped"),
        )

    def _look_at_plan(self) -> None:
        states = _states(self._folder.plan_files())
        if states == self._plan_states:
            return
        plan = self._folder.read_plan()
        self._planned = len(plan)
        chunks = plan.distinct("artist_slug", "chunk_id")
        self._files = [chunk_file(self._folder.root, slug, chunk) for slug, chunk in chunks]
        self._plan_states = states

    def _outcomes(self, file: Path, state: FileState) -> Outcomes:
        """Of one part. It is there whole or not at all; one that is damaged counts as not there."""
        known = self._counted.get(file)
        if known is None or known[0] != state:
            known = state, _counted(file)
            self._counted[file] = known
        return known[1]


def _counted(file: Path) -> Outcomes:
    try:
        table = pq.ParquetFile(parquet_source(file)).read(columns=["status", "error_class"])
    except (pa.ArrowException, OSError):
        return Counter()
    if table.num_columns < 2:
        return Counter()
    return Counter(zip(table["status"].to_pylist(), table["error_class"].to_pylist(), strict=True))


def _states(files: Sequence[Path]) -> dict[Path, FileState]:
    """Those that are there; at a store found by listing, not by a request for each."""
    remote = remote_states(files)
    states = {file: remote[file] if file in remote else file_state(file) for file in files}
    return {file: state for file, state in states.items() if state != NO_FILE}


def _reasons(total: Outcomes, *statuses: str) -> dict[str, int]:
    reasons: Counter[str] = Counter()
    for (status, error), count in total.items():
        if status in statuses:
            reasons[error or "unknown"] += count
    return dict(reasons.most_common())
