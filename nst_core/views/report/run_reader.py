"""Everything that a report reads of one run folder. Damaged and missing files give notes, never errors."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from nst_core.errors import RunFolderError
from nst_core.run_folder.folder import RunFolder
from nst_core.run_folder.plan_table import plan_columns
from nst_core.run_folder.summary import SUMMARY_FILE
from nst_core.storage.paths import file_state, files_below, is_local, remote_states
from nst_core.storage.progress import Progress
from nst_core.storage.regular_files import read_regular
from nst_core.views.report.rows import ReportRows, read_rows
from nst_core.views.report.tries import Tries, read_tries


@dataclass
class ReadRun:
    """The contents of a run folder for a report.

    Attributes:
        plan: the columns of `PLANNED`; None where a part of it is damaged or there is none.
        image_bytes: of all files below images/.
        notes: a sentence for each fault.
    """

    folder: Path
    name: str
    run_yaml: dict[str, Any]
    plan: pa.Table | None
    rows: ReportRows
    tries: Tries
    image_bytes: int
    notes: list[str] = field(default_factory=list)


PLANNED = (
    "pair_id",
    "content_id",
    "style_ids",
    "style_shares",
    "artist",
    "label",
    "split",
    "replicate",
    "style_weight",
    "content_weight",
    "strength",
    "content_sha256",
    "style_sha256",
    "method_fingerprint",
)


def read_run(run_folder: Path, whole_plan: bool = False, progress: Progress | None = None) -> ReadRun:
    """Read a run folder once; writes nothing and takes no lock.

    Args:
        whole_plan: all columns of `PLANNED`, to compare runs by; else the ids alone.
        progress: called with result files read and their total.

    Raises:
        RunFolderError: this is no run folder.
    """
    folder = RunFolder(run_folder)
    folder.check_exists()
    notes: list[str] = []
    run_yaml = _run_yaml(folder, notes)
    plan = _plan(folder, PLANNED if whole_plan else PLANNED[:1], notes)
    rows = read_rows(run_folder, plan["pair_id"] if plan is not None else None, progress)
    if rows.damaged:
        notes.append(
            f"{len(rows.damaged)} of {len(rows.files)} result files cannot be read, and their pairs are told as "
            f"missing ({rows.damaged[0]}). `nst verify` names them all."
        )
    if rows.unplanned:
        notes.append(f"{rows.unplanned} rows belong to no planned pair and are not counted. `nst verify` names them.")
    tries = read_tries(run_folder)
    if not tries.tries:
        _without_logs(run_folder, tries, notes)
    return ReadRun(run_folder, folder.run_name, run_yaml, plan, rows, tries, bytes_below(run_folder / "images"), notes)


def bytes_below(folder: Path) -> int:
    """The bytes of all files below a folder, at a disk or a store; 0 where there is none."""
    files = (folder / name for name in files_below(folder))
    states = map(file_state, files) if is_local(folder) else remote_states(files).values()
    return sum(max(0, size) for size, _ in states)


def _run_yaml(folder: RunFolder, notes: list[str]) -> dict[str, Any]:
    try:
        found = folder.read_run_yaml()
    except RunFolderError:
        notes.append("run.yaml is damaged: what was asked of this run is not known.")
        return {}
    if not found:
        notes.append("There is no run.yaml: what was asked of this run is not known.")
    return found


def _plan(folder: RunFolder, columns: tuple[str, ...], notes: list[str]) -> pa.Table | None:
    files = folder.plan_files()
    try:
        parts = [plan_columns(path, columns) for path in files]
    except (pa.ArrowException, OSError, KeyError) as error:
        notes.append(f"The plan cannot be read ({' '.join(str(error).split())[:200]}): what is missing is not known.")
        return None
    if not parts:
        notes.append("There is no plan: what is missing is not known.")
        return None
    return pa.concat_tables(parts)


def _without_logs(run_folder: Path, tries: Tries, notes: list[str]) -> None:
    """Take the time by activity from the summary, which has that of the last run."""
    try:
        told = json.loads(read_regular(run_folder / SUMMARY_FILE))
        spent = {str(part): float(seconds) for part, seconds in dict(told["spent"] or {}).items()}
    except (OSError, ValueError, KeyError, TypeError):
        spent = {}
    tries.spent.update(spent)
    source = f"{SUMMARY_FILE} has it of the last run alone" if spent else f"and {SUMMARY_FILE} does not say either"
    notes.append(f"There are no journals in logs/: tries are not known; where the time went, {source}.")
