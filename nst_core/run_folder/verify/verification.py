"""Verification of a run folder: plan, rows, image bytes and all other files, each against the others.

It only reads, takes no lock, and is linear: rows stay in Arrow columns, images are hashed a piece at a time.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from hashlib import file_digest
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nst_core.errors import RunFolderError
from nst_core.run_folder.folder import METHODS, RunFolder
from nst_core.run_folder.kept_inputs import INPUTS
from nst_core.run_folder.own_files import open_own_file
from nst_core.run_folder.plan_table import Plan
from nst_core.run_folder.status_counts import StatusCounts
from nst_core.run_folder.summary import (
    QUARANTINE_FILE,
    SUMMARY_FILE,
    bad_input,
    bad_inputs,
    differing_counts,
    quarantine_csv,
)
from nst_core.run_folder.verify.findings import Finding
from nst_core.run_folder.verify.inputs import input_findings
from nst_core.run_folder.verify.rows import (
    PlannedChunks,
    RecordedImages,
    VerifiedRows,
    read_rows,
    recorded_images,
    row_findings,
)
from nst_core.storage.atomic import is_temporary
from nst_core.storage.machine import cores
from nst_core.storage.paths import files_below, is_local
from nst_core.storage.progress import Progress
from nst_core.storage.regular_files import read_regular

_AT_ONCE = 1024
"""Images that are handed to the threads at a time: waiting ones take memory too."""


@dataclass(frozen=True)
class Verification:
    """The result of a verification.

    Attributes:
        planned: pairs of the plan.
        rows: by status, planned pairs that have a row.
        images: files whose bytes were hashed and are those that their rows record.
    """

    planned: int
    rows: dict[str, int]
    images: int
    findings: tuple[Finding, ...]

    @property
    def sound(self) -> bool:
        return not self.findings


@dataclass(frozen=True)
class _FoundFiles:
    """The files of a run folder, relative to it, without hidden ones, such as file managers leave."""

    images: list[str]
    results: set[str]
    inputs: list[str]
    temporaries: list[str]

    @classmethod
    def below(cls, root: Path) -> _FoundFiles:
        found = cls([], set(), [], [])
        for name in _walk(root):
            base = name.rpartition("/")[2]
            if is_temporary(base):
                found.temporaries.append(name)
            elif name.startswith("images/") and not base.startswith("."):
                found.images.append(name)
            elif name.startswith("results/") and not base.startswith((".", "_")):
                found.results.add(name)
            elif name.startswith(f"{INPUTS}/") and not base.startswith("."):
                found.inputs.append(name)
        return found


def verify(root: Path, progress: Progress | None = None) -> Verification:
    """Compare a run folder with its plan. A damaged plan part is the only finding: nothing else can be checked then.

    Args:
        progress: called with images hashed and their total.

    Raises:
        RunFolderError: not a run folder, or its plan names files outside of it.
        OSError: a folder in it cannot be listed.
    """
    folder = RunFolder(root)
    folder.check_exists()
    files, run_yaml = _FoundFiles.below(root), _run_yaml(folder)
    found = [Finding("temporary_file", name, f"{name} was left half-written.") for name in files.temporaries]
    try:
        plan = folder.read_plan()
    except RunFolderError as error:
        if not isinstance(error.__cause__, pa.ArrowException | OSError):
            raise
        return Verification(0, {}, 0, (Finding("damaged_plan", "plan", str(error)), *found))
    chunks = PlannedChunks.of(plan)
    rows, damaged = read_rows(root, plan, chunks, files.results)
    found += damaged
    for name in sorted(files.results.difference(chunks.files)):
        found.append(Finding("unplanned_part", name, f"{name} is the results file of no planned chunk."))
    found += row_findings(plan, chunks, rows)
    images = recorded_images(plan, rows)
    wrong = list(_hashed(root, images, progress))
    found += wrong
    found += _extra_images(plan, rows, files.images)
    if METHODS in run_yaml:  # only such a folder keeps inputs
        found += input_findings(root, plan, files.inputs)
    if not damaged:  # else there is no telling what they should say
        found += _quarantine(root, plan, rows)
        found += _summary(root, plan, rows)
    return Verification(len(plan), _statuses(rows), len(images.names) - len(wrong), tuple(found))


def _run_yaml(folder: RunFolder) -> dict[str, Any]:
    """The contents of run.yaml; empty where it is damaged: no image depends on it."""
    try:
        return folder.read_run_yaml()
    except RunFolderError:
        return {}


def _walk(root: Path) -> Iterator[str]:
    """Every file below `root`, relative to it. Raises OSError where a folder cannot be listed."""

    def failed(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError):  # it may go while a run works
            raise error

    if not is_local(root):
        yield from files_below(root)
        return
    for folder, _, names in os.walk(root, onerror=failed):
        prefix = Path(folder).relative_to(root).as_posix()
        yield from names if prefix == "." else (f"{prefix}/{name}" for name in names)


def _hashed(root: Path, images: RecordedImages, progress: Progress | None) -> Iterator[Finding]:
    """Find recorded images that are missing, or have other bytes."""
    with ThreadPoolExecutor(2 * cores(), "hash") as pool:
        for start in range(0, len(images.names), _AT_ONCE):
            part = images.slice(start, start + _AT_ONCE)
            found = pool.map(partial(_sha256, root), part.names)
            for pair, name, expected, present in zip(part.pairs, part.names, part.hashes, found, strict=True):
                if present is None:
                    yield Finding("missing_image", name, f"{name} of the pair {pair} is not there.")
                elif present != expected:
                    told = present if " " in present else "its bytes are not those that its row records"
                    yield Finding("changed_image", name, f"{name} of the pair {pair}: {told}.")
            if progress:
                progress(start + len(part.names), len(images.names))


def _sha256(root: Path, name: str) -> str | None:
    """The hash of a file; None if there is none; a sentence where it cannot be read."""
    try:
        with open_own_file(root, name) as file:
            return file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return None
    except OSError as error:
        return f"it cannot be read ({error.strerror})"


def _extra_images(plan: Plan, rows: VerifiedRows, images: Iterable[str]) -> Iterator[Finding]:
    """Find images of no planned pair, and of pairs whose rows say that there is none.

    An image whose pair has no row at all is what a killed run leaves: the next one makes it again.
    """
    there = pa.array(sorted(images), pa.string())
    planned = plan.table.column("file_name")
    places = pc.index_in(there, planned).fill_null(-1).to_numpy()
    for name in there.filter(pa.array(places < 0)).to_pylist():
        yield Finding("unplanned_image", name, f"{name} is the image of no planned pair.")
    first = rows.first()
    status = rows.table.column("status").take(pa.array(first))
    unmade = np.zeros(len(plan), bool)
    unmade[rows.place[first[np.asarray(pc.is_in(status, pa.array(["failed", "quarantined", "skipped"])))]]] = True
    known = places[places >= 0]
    for place in known[unmade[known]].tolist():
        name, pair = planned[place].as_py(), plan.table["pair_id"][place].as_py()
        yield Finding("unclaimed_image", name, f"{name} is there, but the row of the pair {pair} says that it is not.")


def _statuses(rows: VerifiedRows) -> dict[str, int]:
    return dict(sorted(Counter(map(str, rows.column("status", rows.first()))).items()))


def _quarantine(root: Path, plan: Plan, rows: VerifiedRows) -> Iterator[Finding]:
    """Compare quarantine.csv with the rows."""
    first = rows.first()
    lost = first[rows.having("quarantined")[first]]
    records = rows.table.take(pa.array(lost)).to_pylist()
    styles = plan.table.column("style_paths").take(pa.array(rows.place[lost])).to_pylist()
    bad = bad_inputs(map(bad_input, records, styles))
    name, told = QUARANTINE_FILE, _read(root / QUARANTINE_FILE)
    if told is None:
        yield Finding("wrong_quarantine", name, f"{name} is not there: a run writes it at its end.")
    elif told != quarantine_csv(bad).encode():
        yield Finding("wrong_quarantine", name, f"{name} does not name the {len(bad)} bad inputs of the rows.")


def _summary(root: Path, plan: Plan, rows: VerifiedRows) -> Iterator[Finding]:
    """Compare summary.json with the rows."""
    name, told = SUMMARY_FILE, _read(root / SUMMARY_FILE)
    if told is None:
        yield Finding("wrong_summary", name, f"{name} is not there: a run writes it at its end.")
        return
    try:
        written = dict(json.loads(told))
    except (TypeError, ValueError):
        yield Finding("wrong_summary", name, f"{name} is damaged.")
        return
    if differing := differing_counts(written, _status_counts(plan, rows), _by_artist(rows)):
        yield Finding("wrong_summary", name, f"{name} and the rows differ in {', '.join(differing)}.")


def _status_counts(plan: Plan, rows: VerifiedRows) -> StatusCounts:
    first = rows.first()
    outcomes = zip(rows.column("status", first), rows.column("error_class", first), strict=True)
    return StatusCounts.of(len(plan), Counter(outcomes))


def _by_artist(rows: VerifiedRows) -> Counter[str]:
    first = rows.first()
    return Counter(artist or "unknown" for artist in rows.column("artist", first[rows.having("success")[first]]))


def _read(path: Path) -> bytes | None:
    try:
        return read_regular(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        return str(error.strerror).encode()  # no run writes that
