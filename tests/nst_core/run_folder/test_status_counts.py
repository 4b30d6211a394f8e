"""Counting again and again: what the rows say, and no part read twice without need."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from finished import finished_run
from planned import pair, plan, success

from nst_core.run_folder import status_counts
from nst_core.run_folder.folder import RunFolder
from nst_core.run_folder.plan_table import Plan
from nst_core.run_folder.results import chunk_file, unfinished_result, write_results
from nst_core.run_folder.status_counts import StatusCounter, StatusCounts

ROWS = plan([pair(f"{i}.jpg", artist=artist) for i in range(6) for artist in ("A", "B")], chunk=2)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Twelve planned pairs of two artists, in six chunks, and no results yet."""
    RunFolder(tmp_path).append_plan(0, [Plan.of(ROWS).table])
    return tmp_path


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The parts that were read, one after the other."""
    files: list[Path] = []
    original = status_counts._outcomes
    monkeypatch.setattr(status_counts, "_outcomes", lambda changed: files.extend(changed) or original(changed))
    return files


def write(folder: Path, chunk: int, status: str = "success") -> Path:
    """The results of one of the six chunks."""
    name = sorted({row.chunk_id for row in ROWS})[chunk]
    rows = [row for row in ROWS if row.chunk_id == name]
    path = chunk_file(folder, rows[0].artist_slug, name)
    made = status == "success"
    results = [success(row) if made else unfinished_result(row, status, 1, "OutOfMemory", "No.") for row in rows]  # type: ignore[arg-type]
    write_results(results, path)
    return path


def test_the_counts_of_a_finished_run(tmp_path: Path, make_image: Callable[..., Path]) -> None:
    found = StatusCounter(finished_run(tmp_path, make_image).run_folder).count()
    errors, left_out = {"OutOfMemory": 2, "NotAnImage": 2}, {"DuplicateImage": 2}
    assert found == StatusCounts(12, 6, 2, 2, 2, 0, errors, left_out)
    assert found.left == 2


def test_without_results_everything_is_left(folder: Path) -> None:
    assert StatusCounter(folder).count() == StatusCounts(12, 0, 0, 0, 0, 12, {}, {})
    assert StatusCounter(folder).count().left == 12


def test_only_parts_that_are_new_or_changed_are_read(folder: Path, read: list[Path]) -> None:
    counter = StatusCounter(folder)
    first = write(folder, 0)
    assert counter.count().success == 2
    second = write(folder, 1)
    assert counter.count().success == 4
    assert counter.count().success == 4
    assert read == [first, second]
    write(folder, 0, "failed")
    assert (counter.count().success, counter.count().failed) == (2, 2)
    assert read == [first, second, first]


def test_a_plan_that_grows_is_seen(folder: Path) -> None:
    counter = StatusCounter(folder)
    assert counter.count().planned == 12
    more = plan([pair("new.jpg")], number=1, earlier=ROWS)
    RunFolder(folder).append_plan(1, [Plan.of(more).table])
    assert counter.count().planned == 13


def test_a_part_that_goes_or_is_damaged_counts_as_not_there(folder: Path) -> None:
    counter = StatusCounter(folder)
    path, other = write(folder, 0), write(folder, 1)
    assert counter.count().success == 4
    path.unlink()
    other.write_bytes(b"PAR1")
    assert counter.count().success == 0


def test_files_that_nobody_planned_are_not_counted(folder: Path) -> None:
    path = write(folder, 0)
    path.with_name("part-00000-00000 (1).parquet").write_bytes(path.read_bytes())
    assert StatusCounter(folder).count().success == 2
