"""Counts of planned pairs by status, read once or followed while a run works."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from nst_core.run_folder.folder import RunFolder
from nst_core.run_folder.results import chunk_file
from nst_core.run_folder.results_reader import read_results
from nst_core.storage.paths import NO_FILE, FileState, file_state, remote_states

Outcomes = Counter[tuple[str | None, str | None]]
"""Rows by (status, class of the error)."""


@dataclass(frozen=True)
class StatusCounts:
    """Planned pairs by status.

    Attributes:
        missing: pairs without a row.
        errors: failed and quarantined pairs by reason.
        left_out: skipped pairs by reason.
    """

    planned: int
    success: int
    failed: int
    quarantined: int
    skipped: int
    missing: int
    errors: dict[str, int]
    left_out: dict[str, int]

    @classmethod
    def of(cls, planned: int, outcomes: Outcomes) -> StatusCounts:
        """The counts of a run with so many planned pairs, whose rows have these outcomes."""
        statuses: Counter[str | None] = Counter()
        for (status, _), count in outcomes.items():
            statuses[status] += count
        return StatusCounts(
            planned=planned,
            success=statuses["success"],
            failed=statuses["failed"],
            quarantined=statuses["quarantined"],
            skipped=statuses["skipped"],
            missing=planned - statuses.total(),
            errors=_reasons(outcomes, "failed", "quarantined"),
            left_out=_reasons(outcomes, "skipped"),
        )

    @property
    def left(self) -> int:
        """Pairs that a run would work on: never reached, or failed."""
        return self.planned - self.success - self.quarantined - self.skipped


class StatusCounter:
    """Counts the rows of one run folder; files that did not change are not read twice.

    Whether the images exist is not looked at: `verify` does that.
    """

    def __init__(self, root: Path) -> None:
        self._folder = RunFolder(root)
        self._plan_states: dict[Path, FileState] = {}
        self._planned = 0
        self._files: list[Path] = []
        self._counted: dict[Path, tuple[FileState, Outcomes]] = {}

    def count(self) -> StatusCounts:
        """The counts of this moment. Raises RunFolderError if a plan part is damaged."""
        self._read_plan()
        states = _states(self._files)
        counted = {file: known for file, known in self._counted.items() if known[0] == states.get(file)}
        changed = [file for file in states if file not in counted]
        counted |= {file: (states[file], Outcomes()) for file in changed}  # what is damaged counts as not there
        counted |= {file: (states[file], outcomes) for file, outcomes in _outcomes(changed)}
        self._counted = {file: counted[file] for file in states}
        total = Outcomes()
        for _, outcomes in self._counted.values():
            total.update(outcomes)
        return StatusCounts.of(self._planned, total)

    def _read_plan(self) -> None:
        states = _states(self._folder.plan_files())
        if states == self._plan_states:
            return
        plan = self._folder.read_plan()
        self._planned = len(plan)
        chunks = plan.distinct("artist_slug", "chunk_id")
        self._files = [chunk_file(self._folder.root, slug, chunk) for slug, chunk in chunks]
        self._plan_states = states


def _outcomes(files: Iterable[Path]) -> Iterator[tuple[Path, Outcomes]]:
    """The outcomes in each results file that is not damaged."""
    for part in read_results(files, ["status", "error_class"]):
        columns = (part.table[name].to_pylist() for name in ("status", "error_class"))
        yield part.path, Counter(zip(*columns, strict=True))


def _states(files: Sequence[Path]) -> dict[Path, FileState]:
    """The states of those files that exist; at a store found by listing, not by a request for each."""
    remote = remote_states(files)
    states = {file: remote[file] if file in remote else file_state(file) for file in files}
    return {file: state for file, state in states.items() if state != NO_FILE}


def _reasons(outcomes: Outcomes, *statuses: str) -> dict[str, int]:
    reasons: Counter[str] = Counter()
    for (status, error), count in outcomes.items():
        if status in statuses:
            reasons[error or "unknown"] += count
    return dict(reasons.most_common())
