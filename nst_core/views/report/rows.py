"""The result rows of a report: a light table of all; heavy columns are counted as they are read."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from nst_core.run_folder.results import result_files
from nst_core.run_folder.results_reader import DamagedFile, read_results
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
_PASSING = ("error_message", "content_path", "style_paths", "loss_trace", "loss_left")
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
        """The mask of the rows with a status."""
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
        """The time of each row since 1970; -1 where it does not say."""
        return np.asarray(self.table["created_at"].cast(pa.int64()).fill_null(-1).to_numpy())


def read_rows(
    run_folder: Path, plan_ids: pa.ChunkedArray | None = None, progress: Progress | None = None
) -> ReportRows:
    """Read every results file once.

    Args:
        plan_ids: the ids of the planned pairs, each once; without them every row counts.
        progress: called with files read and their total.
    """
    files = tuple(result_files(run_folder))
    number = {path: place for place, path in enumerate(files)}
    traces, messages, tables = Traces(), Messages(), [LIGHT.empty_table()]
    damaged: list[DamagedFile] = []
    for part in read_results(files, [*_KEPT.names, *_PASSING], damaged=damaged):
        messages.take(part.table)
        traces.take(part.table["loss_trace"], part.table["status"])
        tables.append(_light(part.table, number[part.path]))
        if progress:
            progress(number[part.path] + 1, len(files))
    table = pa.concat_tables(tables).unify_dictionaries()
    kept = table if plan_ids is None else table.take(_planned(table["pair_id"], plan_ids))
    unplanned = table.num_rows - kept.num_rows
    told = tuple(f"{one.path.parent.name}/{one.path.name}: {one.reason}" for one in damaged)
    return ReportRows(kept.combine_chunks(), files, traces, messages, told, unplanned)


@dataclass(frozen=True)
class Detail:
    """A pair as a report shows it."""

    pair_id: str
    content_path: str
    style_paths: tuple[str, ...]
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
    columns = list(Detail.__dataclass_fields__)
    where = rows.table.take(pa.array(places, pa.int64()))
    wanted = list(zip(where["file"].to_pylist(), where["row"].to_pylist(), strict=True))
    paths = sorted({rows.files[file] for file, _ in wanted})
    tables = {part.path: part.table for part in read_results(paths, columns)}
    return [_detail(tables[rows.files[file]].slice(row, 1).to_pylist()[0]) for file, row in wanted]


def _detail(record: dict[str, Any]) -> Detail:
    left = record["loss_left"]
    known = {
        "content_path": record["content_path"] or "",
        "style_paths": tuple(record["style_paths"]),
        "loss_left": left if math.isfinite(left) else None,
    }
    return Detail(**record | known)


def _light(table: pa.Table, file: int) -> pa.Table:
    count = table.num_rows
    success = pc.equal(table["status"], "success").fill_null(False)
    more = {
        "loss_left": pc.if_else(success, table["loss_left"], math.nan),
        "file": pa.array(np.full(count, file, np.int32)),
        "row": pa.array(np.arange(count, dtype=np.int32)),
        "output": pa.array([output_number(text) for text in table["output_sha256"].to_pylist()], pa.int64()),
    }
    return pa.table([_column(more.get(field.name), table, field) for field in LIGHT], schema=LIGHT)


def _column(made: Any, table: pa.Table, field: pa.Field) -> Any:
    if made is not None:
        return made
    return table[field.name].dictionary_encode() if field.type == _NAMES else table[field.name].cast(field.type)


def output_number(sha256: str | None) -> int | None:
    """The beginning of an image's hash, as the light table has it; None of what is no hash."""
    try:
        return int(sha256[:15], 16) if sha256 else None
    except ValueError:
        return None


def _planned(ids: pa.ChunkedArray, plan_ids: pa.ChunkedArray) -> pa.Array:
    """The first row of each planned pair, in the order of the rows."""
    places = pc.index_in(ids, value_set=plan_ids.combine_chunks()).fill_null(-1).to_numpy()
    known, first = np.unique(places, return_index=True)
    return pa.array(np.sort(first[known >= 0]))
