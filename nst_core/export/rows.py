"""The rows of a run that are exported, always in the same order: by pair id, which is as good as shuffled.

Results lie in one file per chunk, the order of an export cuts across all of them. So the ids are read first, and then
the rows a window at a time: memory holds one window, however large the run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from nst_core.export.condition import parse_condition
from nst_core.run_folder.folder import RunFolder
from nst_core.run_folder.plan_table import plan_columns
from nst_core.run_folder.quality import MEASURES, quality_file, with_quality
from nst_core.run_folder.results import SCHEMA, chunk_of, result_files
from nst_core.run_folder.results_reader import DamagedFile, read_results, successes
from nst_core.sources.artist_names import artist_key
from nst_core.storage.names import Spellings, name_key

WINDOW = 100_000
"""Rows in memory at a time, of a few kilobytes each; every window reads all the results once."""

_BATCH = 1_000
_WORKING = {"chunk_id", "status", "error_class", "error_message", "attempts", "loss_trace"}
_LOCAL = {"content_path", "style_path", "style_paths", "file_name"}
"""Columns that mean something on this machine or in the run folder only: an export has ids in their place."""

_IDS = ("pair_id", "content_id", "style_ids", "style_shares")
"""Columns of an export that come from the plan, as far as it is there."""


@dataclass(frozen=True)
class ExportRow:
    """One image of a run.

    Attributes:
        file_name: the image's path by the row, relative to the run folder; not to be trusted.
        columns: the values to export: ids in place of paths, and whatever the sources or the manifest carried along.
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
        schema: of `ExportRow.columns`.
        planned: how many pairs the plan has, whatever became of them.
        damaged: result files that could not be read.
        spellings: of the names in these columns: the one that stands for all.
        unfulfilled: how many successes do not fulfil the condition.
    """

    run: Path
    ids: Mapping[str | None, pa.Array]
    labels: tuple[str, ...]
    schema: pa.Schema
    planned: int
    damaged: int
    spellings: Mapping[str, Spellings] = field(default_factory=dict)
    unfulfilled: int = 0

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
        names = [*self._columns, "status", *_LOCAL]

        def in_window(table: pa.Table) -> pa.Table:
            table = _successes(_between(table, ids))
            return table.filter(pc.and_(pc.is_in(table["split"], wanted), pc.is_in(table["pair_id"], ids)))

        found = [part.table for part in read_results(result_files(self.run), names, reduce=in_window)]
        if not found:  # a retry may have taken them all away
            return
        table = pa.concat_tables(found)
        table = table.take(pc.sort_indices(table, [("pair_id", "ascending"), ("created_at", "descending")]))
        planned = self._planned_ids(ids)
        earlier = None
        for batch in table.to_batches(_BATCH):
            for record in batch.to_pylist():
                if record["pair_id"] != earlier:
                    yield _row(record, planned, self.schema, self.spellings)
                earlier = record["pair_id"]

    @property
    def _columns(self) -> list[str]:
        """The columns that are read from the results."""
        return [name for name in self.schema.names if name != "content_id"]

    def _planned_ids(self, ids: pa.Array) -> dict[str, dict[str, Any]]:
        tables = (_between(table, ids) for table in _plan_tables(self.run, _IDS))
        return {record["pair_id"]: record for table in tables for record in table.to_pylist()}


def read_selection(run: Path, where: str | None = None) -> Selection:
    """Read the ids, splits and labels of a run's successes; damaged results files are counted.

    Args:
        where: a condition on the columns of results and on what `nst judge` has measured.

    Raises:
        UsageError: it is no condition.
    """
    condition = parse_condition(where, _known_columns(run)) if where else None
    ids: dict[str | None, list[pa.Array]] = {}
    keys = {"label": name_key, "split": name_key, "artist": artist_key}
    spellings = {name: Spellings(key=key, form=str) for name, key in keys.items()}  # rows stay as they were written
    labels: set[str] = set()
    extras: set[str] = set()
    damaged: list[DamagedFile] = []
    columns = list(dict.fromkeys(("pair_id", "status", "output_sha256", *spellings)))
    columns += [name for name in (condition.columns if condition else ()) if name not in {*columns, *MEASURES}]
    unfulfilled = 0
    for part in read_results(result_files(run), columns, reduce=_successes, damaged=damaged):
        table = part.table
        if condition:
            table = table.filter(condition.mask(with_quality(table, quality_file(run, chunk_of(part.path)))))
            unfulfilled += part.table.num_rows - table.num_rows
        for name, known in spellings.items():
            shown = [known.first(text) for text in pc.unique(table[name]).to_pylist() if text is not None]
            labels.update(shown if name == "label" else ())
        extras.update(part.extras)
        for split in pc.unique(table["split"]).to_pylist():
            of_split = pc.is_in(table["split"], pa.array([split], pa.string()))
            ids.setdefault(split, []).append(table.filter(of_split)["pair_id"].combine_chunks())
    return Selection(
        run,
        {split: _sorted_ids(parts) for split, parts in sorted(ids.items(), key=lambda item: item[0] or "")},
        tuple(sorted(labels)),
        _exported_schema(extras),
        sum(len(table) for table in _plan_tables(run, _IDS[:1])),
        len(damaged),
        spellings,
        unfulfilled,
    )


def _known_columns(run: Path) -> list[str]:
    """The columns that a condition may name: of one value each."""
    extras = {name for part in read_results(result_files(run), ["pair_id"]) for name in part.extras}
    single = [field.name for field in SCHEMA if not pa.types.is_list(field.type)]
    return [*MEASURES, *single, *sorted(extras)]


def _exported_schema(extras: Iterable[str]) -> pa.Schema:
    known = [field for field in SCHEMA if field.name not in _WORKING | _LOCAL | set(_IDS)]
    ids = [("pair_id", pa.string()), ("content_id", pa.string()), *(SCHEMA.field(name) for name in _IDS[2:])]
    return pa.schema([*ids, *known, *((name, pa.string()) for name in sorted(extras))])


def _sorted_ids(parts: Sequence[pa.Array]) -> pa.Array:
    ids = pc.unique(pa.concat_arrays(parts))
    return ids.take(pc.sort_indices(ids))


def _successes(table: pa.Table) -> pa.Table:
    return successes(table.filter(pc.is_valid(table["pair_id"])))


def _between(table: pa.Table, ids: pa.Array) -> pa.Table:
    """The rows from the first to the last of sorted ids: a filter that costs nothing per id."""
    pair_ids = table["pair_id"]
    return table.filter(pc.and_(pc.greater_equal(pair_ids, ids[0]), pc.less_equal(pair_ids, ids[-1])))


def _plan_tables(run: Path, columns: Sequence[str]) -> Iterator[pa.Table]:
    """Some columns of each plan part that is not damaged."""
    for path in RunFolder(run).plan_files():
        with suppress(pa.ArrowException, OSError, KeyError):
            yield plan_columns(path, columns)


def _row(
    record: dict[str, Any],
    planned: Mapping[str, dict[str, Any]],
    schema: pa.Schema,
    spellings: Mapping[str, Spellings],
) -> ExportRow:
    names = [PurePosixPath(path).name for path in record["style_paths"]]
    ids = planned.get(record["pair_id"]) or {
        "content_id": PurePosixPath(record["content_path"] or "").name,
        "style_ids": names if record["style_ids"] is None else record["style_ids"],
        "style_shares": record["style_shares"],
    }
    columns = {name: ids[name] if name in _IDS[1:] else record[name] for name in schema.names}
    columns |= {name: known.first(columns[name]) for name, known in spellings.items() if columns[name] is not None}
    return ExportRow(
        record["pair_id"], record["file_name"] or "", record["split"], record["content_path"] or "", columns
    )
