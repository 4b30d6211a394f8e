"""The rows of a run that are exported, always in the same order: by pair id, which is as good as shuffled.

Results lie in one file per chunk, the order of an export cuts across all of them. So the ids are read first, and then
the rows a window at a time: memory holds one window, however large the run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from nst_core.run_folder.results import EXTRA_PREFIX, SCHEMA, result_files
from nst_core.storage.paths import parquet_source

WINDOW = 100_000
"""Rows in memory at a time, of a few kilobytes each; every window reads all the results once."""

_BATCH = 1_000
_WORKING = {"chunk_id", "status", "error_class", "error_message", "attempts", "loss_trace"}
_LOCAL = {"content_path", "style_path", "file_name"}
"""Of this machine or of the run folder: an export tells the ids in their place."""

_IDS = pa.schema(
    [
        ("pair_id", pa.string()),
        ("content_id", pa.string()),
        ("style_ids", pa.list_(pa.string())),
        ("style_shares", pa.list_(pa.float64())),
    ]
)
"""What the plan knows and the results do not."""


@dataclass(frozen=True)
class ExportRow:
    """One image of a run.

    Attributes:
        file_name: where the row says that its image lies, relative to the run folder; not to be trusted.
        columns: what is told of it: ids in place of paths, and whatever the sources or the manifest carried along.
    """

    pair_id: str
    file_name: str
    split: str | None
    content_path: str
    columns: Mapping[str, Any]

    @property
    def label(self) -> str | None:
        label: str | None = self.columns["label"]
        return label

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the image."""
        return self.columns["width"] or 0, self.columns["height"] or 0


@dataclass(frozen=True)
class Selection:
    """The successes of a run.

    Attributes:
        ids: of the rows of each split, sorted.
        labels: all that occur, sorted.
        schema: of `ExportRow.columns`, as Parquet tells them.
        planned: how many pairs the plan has, whatever became of them.
        damaged: result files that could not be read.
    """

    run: Path
    ids: Mapping[str | None, pa.Array]
    labels: tuple[str, ...]
    schema: pa.Schema
    planned: int
    damaged: int

    def __len__(self) -> int:
        return sum(map(len, self.ids.values()))

    def rows(self, splits: Sequence[str | None]) -> Iterator[ExportRow]:
        """The rows of some splits, by pair id."""
        ids = pa.concat_arrays([self.ids[split] for split in splits])
        ids = ids.take(pc.sort_indices(ids))
        for start in range(0, len(ids), WINDOW):
            yield from self._window(ids.slice(start, WINDOW), splits)

    def _window(self, ids: pa.Array, splits: Sequence[str | None]) -> Iterator[ExportRow]:
        wanted = pa.array(splits, pa.string())
        tables = (_between(_read(path, self._stored), ids) for path in result_files(self.run))
        found = [table.filter(_successes(table)) for table in tables if table is not None]
        found = pa.concat_tables([self._stored.empty_table(), *found])  # a retry may have taken them all away
        found = found.filter(pc.and_(pc.is_in(found["split"], wanted), pc.is_in(found["pair_id"], ids)))
        found = found.take(pc.sort_indices(found, [("pair_id", "ascending"), ("created_at", "descending")]))
        planned = self._planned_ids(ids)
        earlier = None
        for batch in found.to_batches(_BATCH):
            for record in batch.to_pylist():
                if record["pair_id"] != earlier:
                    yield _row(record, planned, self.schema)
                earlier = record["pair_id"]

    @property
    def _stored(self) -> pa.Schema:
        told = [field for field in self.schema if field.name not in _IDS.names[1:]]
        return pa.schema([*told, *(SCHEMA.field(name) for name in ("status", *sorted(_LOCAL)))])

    def _planned_ids(self, ids: pa.Array) -> dict[str, dict[str, Any]]:
        tables = (_between(_read(path, _IDS), ids) for path in _plan_files(self.run))
        return {record["pair_id"]: record for table in tables if table is not None for record in table.to_pylist()}


def read_selection(run: Path) -> Selection:
    """Look through the results of a run. Damaged files are counted: `nst run` makes their chunks again."""
    columns = pa.schema([SCHEMA.field(name) for name in ("pair_id", "status", "split", "label")])
    ids: dict[str | None, list[pa.Array]] = {}
    labels: set[str] = set()
    extras: set[str] = set()
    damaged = 0
    for path in result_files(run):
        table = _read(path, columns)
        if table is None:
            damaged += 1
            continue
        table = table.filter(_successes(table))
        labels.update(label for label in pc.unique(table["label"]).to_pylist() if label is not None)
        extras.update(name for name in pq.read_schema(parquet_source(path)).names if name.startswith(EXTRA_PREFIX))
        for split in pc.unique(table["split"]).to_pylist():
            of_split = pc.is_in(table["split"], pa.array([split], pa.string()))
            ids.setdefault(split, []).append(table.filter(of_split)["pair_id"].combine_chunks())
    return Selection(
        run,
        {split: _sorted_ids(parts) for split, parts in sorted(ids.items(), key=lambda item: item[0] or "")},
        tuple(sorted(labels)),
        _told_schema(extras),
        sum(filter(None, map(_count, _plan_files(run)))),
        damaged,
    )


def _told_schema(extras: Iterable[str]) -> pa.Schema:
    known = [field for field in SCHEMA if field.name not in _WORKING | _LOCAL | {"pair_id"}]
    return pa.schema([*_IDS, *known, *((name, pa.string()) for name in sorted(extras))])


def _sorted_ids(parts: Sequence[pa.Array]) -> pa.Array:
    ids = pc.unique(pa.concat_arrays(parts))
    return ids.take(pc.sort_indices(ids))


def _successes(table: pa.Table) -> pa.Array:
    return pc.and_(pc.equal(table["status"], "success"), pc.is_valid(table["pair_id"]))


def _read(path: Path, schema: pa.Schema) -> pa.Table | None:
    """The columns of `schema`, null where the file has none; None if it is damaged or not of our kind."""
    try:
        with pq.ParquetFile(parquet_source(path)) as file:
            present = set(file.schema_arrow.names)
            table = file.read(columns=[name for name in schema.names if name in present])
        columns = [table[f.name].cast(f.type) if f.name in present else pa.nulls(len(table), f.type) for f in schema]
    except (pa.ArrowException, OSError, ValueError):
        return None
    return pa.table(columns, schema=schema)


def _between(table: pa.Table | None, ids: pa.Array) -> pa.Table | None:
    """The rows from the first to the last of sorted ids: a filter that costs nothing per id."""
    if table is None:
        return None
    pair_ids = table["pair_id"]
    return table.filter(pc.and_(pc.greater_equal(pair_ids, ids[0]), pc.less_equal(pair_ids, ids[-1])))


def _plan_files(run: Path) -> list[Path]:
    return sorted((run / "plan").glob("part-*.parquet"))


def _count(path: Path) -> int | None:
    try:
        return int(pq.read_metadata(parquet_source(path)).num_rows)
    except (pa.ArrowException, OSError):
        return None


def _row(record: dict[str, Any], planned: Mapping[str, dict[str, Any]], schema: pa.Schema) -> ExportRow:
    ids = planned.get(record["pair_id"]) or {
        "content_id": PurePosixPath(record["content_path"] or "").name,
        "style_ids": [PurePosixPath(record["style_path"] or "").name],
        "style_shares": [1.0],
    }
    columns = {name: ids[name] if name in _IDS.names[1:] else record[name] for name in schema.names}
    return ExportRow(
        record["pair_id"], record["file_name"] or "", record["split"], record["content_path"] or "", columns
    )
