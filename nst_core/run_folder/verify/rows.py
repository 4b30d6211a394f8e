"""Verification of a run's result rows against its plan."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from nst_core.run_folder.plan_table import Plan
from nst_core.run_folder.results import SCHEMA, Status, chunk_file
from nst_core.run_folder.results_reader import DamagedFile, read_results
from nst_core.run_folder.verify.findings import Finding

COLUMNS = ["pair_id", "chunk_id", "status", "file_name", "output_sha256", "error_class", "error_message",
           "content_path", "style_paths", "artist"]  # fmt: skip
"""The columns of a result file that are compared; the others are only read, which shows damage."""

_EMPTY = pa.schema([SCHEMA.field(name) for name in COLUMNS]).empty_table()


@dataclass(frozen=True)
class PlannedChunks:
    """The chunks of a plan: of each planned pair the number of its chunk, and each chunk's name and file."""

    of_pair: NDArray[np.int32]
    names: list[str]
    files: list[str]

    @classmethod
    def of(cls, plan: Plan) -> PlannedChunks:
        codes, names = plan.codes("chunk_id")
        slugs = dict(plan.distinct("chunk_id", "artist_slug"))
        return cls(codes, names, [chunk_file(Path(), slugs[name], name).as_posix() for name in names])


@dataclass(frozen=True)
class VerifiedRows:
    """Result rows of the planned chunks' files.

    Attributes:
        table: the columns of `COLUMNS`.
        chunk: of each row, the number of the chunk in whose file it stands.
        place: of each row, where in the plan its pair is; -1 where the plan does not have it.
        unread: of each planned pair, whether its chunk's file is damaged.
    """

    table: pa.Table
    chunk: NDArray[np.int32]
    place: NDArray[np.int64]
    unread: NDArray[np.bool_]

    def first(self) -> NDArray[np.int64]:
        """The first row of each planned pair that has one."""
        places, firsts = np.unique(self.place, return_index=True)
        return firsts[places >= 0]

    def column(self, name: str, rows: NDArray[Any]) -> list[Any]:
        """The values of one column in some rows."""
        return list(self.table.column(name).take(pa.array(rows)).to_pylist())

    def having(self, status: Status) -> NDArray[np.bool_]:
        """The mask of the rows with a status."""
        return np.asarray(pc.equal(self.table.column("status"), status).fill_null(False))


def read_rows(
    root: Path, plan: Plan, chunks: PlannedChunks, there: Collection[str]
) -> tuple[VerifiedRows, list[Finding]]:
    """Read the results files of all planned chunks; a damaged one is a finding, and its pairs are `unread`.

    Args:
        there: the files below `results/`, relative to the run folder.
    """
    number_of = {root / name: number for number, name in enumerate(chunks.files) if name in there}
    tables, numbers, damaged, findings = [_EMPTY], [], list[DamagedFile](), []
    for part in read_results(number_of, COLUMNS, whole=True, damaged=damaged):
        tables.append(part.table)
        numbers.append(np.full(len(part.table), number_of[part.path], np.int32))
    for one in damaged:
        name, pairs = chunks.files[number_of[one.path]], int((chunks.of_pair == number_of[one.path]).sum())
        sentence = f"{name} is damaged, the rows of its {pairs} pairs are lost: {one.reason}"
        findings.append(Finding("damaged_part", name, sentence))
    table = pa.concat_tables(tables).combine_chunks()
    places = pc.index_in(table.column("pair_id"), plan.table.column("pair_id")).fill_null(-1)
    in_chunk = np.concatenate(numbers) if numbers else np.zeros(0, np.int32)
    unread = np.isin(chunks.of_pair, [number_of[one.path] for one in damaged])
    return VerifiedRows(table, in_chunk, places.to_numpy().astype(np.int64), unread), findings


def row_findings(plan: Plan, chunks: PlannedChunks, rows: VerifiedRows) -> Iterator[Finding]:
    """Find pairs without a row or with several, and rows in the wrong file, of no planned pair, or against the plan."""
    ids, files = plan.table.column("pair_id"), np.array(chunks.files, object)
    yield from _planned_twice(ids)
    in_plan = rows.place >= 0
    counted = np.bincount(rows.place[in_plan], minlength=len(plan))
    own = pc.index_in(ids, ids).to_numpy() == np.arange(len(plan))
    missing = np.flatnonzero((counted == 0) & ~rows.unread & own)
    for name, file in zip(ids.take(pa.array(missing)).to_pylist(), files[chunks.of_pair[missing]], strict=True):
        yield Finding("missing_row", name, f"The pair {name} has no row: it belongs into {file}.")
    order = np.argsort(rows.place, kind="stable")
    for place in np.flatnonzero(counted > 1).tolist():
        start, stop = np.searchsorted(rows.place, [place, place + 1], sorter=order)
        name, where = ids[place].as_py(), sorted(set(files[rows.chunk[order[start:stop]]].tolist()))
        yield Finding("duplicate_row", name, f"The pair {name} has {counted[place]} rows, in {', '.join(where)}.")
    unplanned = np.flatnonzero(~in_plan)
    for name, file in zip(rows.column("pair_id", unplanned), files[rows.chunk[unplanned]], strict=True):
        yield Finding("unplanned_row", str(name), f"{file} has a row of {name}, a pair that the plan does not have.")
    yield from _misplaced(chunks, rows, in_plan)
    yield from _wrong(plan, chunks, rows, in_plan)


@dataclass(frozen=True)
class RecordedImages:
    """The images that rows of successes record: ids of the pairs, names of the files, their sha256."""

    pairs: list[str]
    names: list[str]
    hashes: list[str]

    def slice(self, start: int, stop: int) -> RecordedImages:
        return RecordedImages(self.pairs[start:stop], self.names[start:stop], self.hashes[start:stop])


def recorded_images(plan: Plan, rows: VerifiedRows) -> RecordedImages:
    """The images that should be there, but for those of rows that name another file than the plan."""
    first = rows.first()
    first = first[rows.having("success")[first] & ~_misnamed(plan, rows)[first]]
    return RecordedImages(*(rows.column(name, first) for name in ("pair_id", "file_name", "output_sha256")))


def _planned_twice(ids: pa.ChunkedArray) -> Iterator[Finding]:
    counted = pc.value_counts(ids)
    twice = counted.filter(pc.greater(counted.field("counts"), 1))
    for name in twice.field("values").to_pylist():
        yield Finding("planned_twice", name, f"The pair {name} stands in the plan more than once.")


def _misplaced(chunks: PlannedChunks, rows: VerifiedRows, in_plan: NDArray[np.bool_]) -> Iterator[Finding]:
    """Find rows in another chunk's file, or with another chunk's id."""
    names = pa.array(chunks.names, pa.string()).take(pa.array(rows.chunk))
    told = np.asarray(pc.equal(rows.table.column("chunk_id"), names).fill_null(False))
    planned = chunks.of_pair[rows.place] if len(chunks.of_pair) else rows.chunk
    wrong = np.flatnonzero(in_plan & (~told | (planned != rows.chunk)))
    for name, place, number in zip(
        rows.column("pair_id", wrong), rows.place[wrong].tolist(), rows.chunk[wrong].tolist(), strict=True
    ):
        own, file = chunks.files[chunks.of_pair[place]], chunks.files[number]
        where = f"it belongs into {own}" if own != file else "it names another chunk as its own"
        yield Finding("misplaced_row", name, f"{file} has the row of {name}, but {where}.")


def _wrong(plan: Plan, chunks: PlannedChunks, rows: VerifiedRows, in_plan: NDArray[np.bool_]) -> Iterator[Finding]:
    """Find rows of no known status, and successes without their planned file name and a hash."""
    known = np.asarray(pc.is_in(rows.table.column("status"), pa.array(get_args(Status))))
    for row in np.flatnonzero(in_plan & ~known).tolist():
        name, status = rows.table["pair_id"][row].as_py(), rows.table["status"][row].as_py()
        yield Finding("wrong_row", name, f"{chunks.files[rows.chunk[row]]}: {name} has the status {status!r}.")
    for row in np.flatnonzero(rows.having("success") & _misnamed(plan, rows)).tolist():
        name, file = rows.table["pair_id"][row].as_py(), rows.table["file_name"][row].as_py()
        planned = plan.table["file_name"][int(rows.place[row])].as_py()
        told = f"names {file!r} in place of {planned}" if file != planned else "has no sha256 of its image"
        yield Finding("wrong_row", name, f"{chunks.files[rows.chunk[row]]}: {name} is a success, but {told}.")


def _misnamed(plan: Plan, rows: VerifiedRows) -> NDArray[np.bool_]:
    """The mask of the rows of planned pairs that lack the hash, or the file name of the plan."""
    places = pa.array(rows.place, mask=rows.place < 0)
    planned = plan.table.column("file_name").take(places)
    same = pc.equal(rows.table.column("file_name"), planned).fill_null(False)
    named = pc.and_(same, pc.is_valid(rows.table.column("output_sha256")))
    return ~np.asarray(named) & (rows.place >= 0)
