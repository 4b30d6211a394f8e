"""What a report reads of `results/`: a light table of all rows; what is heavy in them is counted as it goes by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from nst_core.run_folder.results import LOSS_TRACE, result_files
from nst_core.storage.paths import parquet_sources
from nst_core.storage.progress import Progress
from nst_core.views.report.failures import Messages
from nst_core.views.report.traces import Traces

_NAMES = pa.dictionary(pa.int32(), pa.string())
_KEPT = pa.schema(
    [
        ("pair_id", pa.string()),
        ("status", _NAMES),
        ("error_class", _NAMES),
        ("artist", _NAMES),
        ("method", _NAMES),
        ("features", _NAMES),
        ("device", _NAMES),
        ("precision", _NAMES),
        ("content_license", _NAMES),
        ("style_license", _NAMES),
        ("attempts", pa.int32()),
        ("seconds", pa.float64()),
        ("peak_mem_mb", pa.float32()),
        ("total_loss", pa.float64()),
        ("output_sha256", pa.string()),
        ("created_at", pa.timestamp("us", tz="UTC")),
    ]
)
_PASSING = ("error_message", "content_path", "style_path")
_OF_POINTS = ("iteration", "total")
LIGHT = (
    pa.schema([*_KEPT, ("loss_left", pa.float64()), ("file", pa.int32()), ("row", pa.int32())])
    .remove(_KEPT.get_field_index("output_sha256"))
    .append(pa.field("output", pa.int64()))
)
"""The light table: `loss_left` is the share of its initial loss that is left to a pair; `file` and `row` say where the
whole row lies; `output` is the beginning of the hash of its image. Some hundred bytes per row."""


@dataclass(frozen=True)
class ReportRows:
    """The rows of a run.

    Attributes:
        table: with the columns of `LIGHT`; of a planned pair with several rows the first.
        damaged: names of result files that could not be read.
        unplanned: rows that were left out, because no plan has their pair, or it has a row already.
    """

    table: pa.Table
    files: tuple[Path, ...]
    traces: Traces
    messages: Messages
    damaged: tuple[str, ...]
    unplanned: int

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def having(self, status: str) -> NDArray[np.bool_]:
        """Of each row, whether it has a status."""
        return np.asarray(pc.equal(self.table["status"].cast(pa.string()), status).fill_null(False))

    def numbers(self, name: str) -> NDArray[np.float64]:
        """A column of numbers; NaN where there is none."""
        return np.array(self.table[name].cast(pa.float64()).to_numpy(), np.float64)

    def codes(self, name: str) -> tuple[NDArray[np.int32], list[str | None]]:
        """A column of names as (index into the distinct names, the distinct names); a missing name is one, too."""
        encoded = pc.dictionary_encode(self.table[name].cast(pa.string()).combine_chunks(), null_encoding="encode")
        encoded = encoded.combine_chunks() if isinstance(encoded, pa.ChunkedArray) else encoded
        return encoded.indices.to_numpy(zero_copy_only=False), encoded.dictionary.to_pylist()

    def microseconds(self) -> NDArray[np.int64]:
        """When each row was made, since 1970; -1 where it does not say."""
        return np.asarray(self.table["created_at"].cast(pa.int64()).fill_null(-1).to_numpy())


def read_rows(
    run_folder: Path, plan_ids: pa.ChunkedArray | None = None, progress: Progress | None = None
) -> ReportRows:
    """Read every result file once; a damaged one is told, not raised.

    Args:
        plan_ids: the ids of the planned pairs, each once; without them every row counts.
        progress: called with files read and their total.
    """
    files = tuple(result_files(run_folder))
    number = {path: place for place, path in enumerate(files)}
    traces, messages, damaged, tables = Traces(), Messages(), [], [LIGHT.empty_table()]
    for path, source in parquet_sources(files):
        try:
            table = _read(pq.ParquetFile(source, page_checksum_verification=True))
        except (pa.ArrowException, OSError, KeyError) as error:
            damaged.append(f"{path.parent.name}/{path.name}: {' '.join(str(error).split())[:200]}")
            continue
        messages.take(table)
        tables.append(_light(table, traces.take(table["loss_trace"], table["status"]), number[path]))
        if progress:
            progress(number[path] + 1, len(files))
    table = pa.concat_tables(tables).unify_dictionaries()
    kept = table if plan_ids is None else table.take(_planned(table["pair_id"], plan_ids))
    unplanned = table.num_rows - kept.num_rows
    return ReportRows(kept.combine_chunks(), files, traces, messages, tuple(damaged), unplanned)


@dataclass(frozen=True)
class Detail:
    """What a report shows of one pair."""

    pair_id: str
    content_path: str
    style_path: str
    artist: str | None
    label: str | None
    file_name: str | None
    method: str | None
    total_loss: float | None
    loss_left: float | None
    seconds: float | None
    width: int | None
    height: int | None


def details(rows: ReportRows, places: Sequence[int]) -> list[Detail]:
    """The pairs in some rows of the light table, in the order asked for."""
    columns = [name for name in Detail.__dataclass_fields__ if name != "loss_left"]
    where = rows.table.take(pa.array(places, pa.int64()))
    wanted = list(zip(where["file"].to_pylist(), where["row"].to_pylist(), where["loss_left"].to_pylist(), strict=True))
    paths = {rows.files[file] for file, _, _ in wanted}
    tables = {path: _only(pq.ParquetFile(source), columns) for path, source in parquet_sources(sorted(paths))}
    found = []
    for file, row, left in wanted:
        record: dict[str, Any] = tables[rows.files[file]].slice(row, 1).to_pylist()[0]
        texts = {name: record[name] or "" for name in ("content_path", "style_path")}
        found.append(Detail(**record | texts | {"loss_left": left}))
    return found


def _read(part: pq.ParquetFile) -> pa.Table:
    """The columns that a report looks at; those that a file lacks are empty."""
    leaves = [part.schema.column(number).path for number in range(len(part.schema))]
    points = [leaf for leaf in leaves if leaf.startswith("loss_trace.") and leaf.rpartition(".")[2] in _OF_POINTS]
    if not {"pair_id", "status"}.issubset(part.schema_arrow.names):
        raise KeyError("it has no columns pair_id and status")
    if len(points) == len(_OF_POINTS):
        return _only(part, [*_KEPT.names, *_PASSING], points)
    table = _only(part, [*_KEPT.names, *_PASSING])
    return table.append_column("loss_trace", pa.nulls(table.num_rows, LOSS_TRACE))


def _only(part: pq.ParquetFile, columns: Sequence[str], nested: Sequence[str] = ()) -> pa.Table:
    there = [name for name in columns if name in part.schema_arrow.names]
    table = part.read(columns=[*there, *nested])
    for name in columns:
        kind = _KEPT.field(name).type if name in _KEPT.names else None
        if name not in there:
            table = table.append_column(name, pa.nulls(table.num_rows, kind or pa.string()))
        elif kind is not None and table[name].type != kind:
            plain = table[name].cast(pa.string() if kind == _NAMES else kind)
            place = table.schema.get_field_index(name)
            table = table.set_column(place, name, plain.dictionary_encode() if kind == _NAMES else plain)
    return table


def _light(table: pa.Table, left: NDArray[np.float64], file: int) -> pa.Table:
    count = table.num_rows
    beginnings = pc.utf8_slice_codeunits(table["output_sha256"], 0, 15).to_pylist()
    more = {
        "loss_left": pa.array(left, pa.float64()),
        "file": pa.array(np.full(count, file, np.int32)),
        "row": pa.array(np.arange(count, dtype=np.int32)),
        "output": pa.array([_number(text) for text in beginnings], pa.int64()),
    }
    return pa.table([more[name] if name in more else table[name] for name in LIGHT.names], schema=LIGHT)


def _number(text: str | None) -> int | None:
    try:
        return int(text, 16) if text else None
    except ValueError:
        return None


def _planned(ids: pa.ChunkedArray, plan_ids: pa.ChunkedArray) -> pa.Array:
    """The first row of each planned pair, in the order of the rows."""
    places = pc.index_in(ids, value_set=plan_ids.combine_chunks()).fill_null(-1).to_numpy()
    known, first = np.unique(places, return_index=True)
    return pa.array(np.sort(first[known >= 0]))
