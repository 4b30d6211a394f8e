"""The one reader for everybody who looks through the results of a run: some columns, one file after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from nst_core.run_folder.loss_trace import TraceArrays, loss_left
from nst_core.run_folder.results import EXTRA_PREFIX, SCHEMA, result_files
from nst_core.run_folder.style_columns import PARSED_COLUMNS, with_style_lists
from nst_core.storage.paths import arrow_files, is_local, parquet_source, parquet_sources
from nst_core.storage.regular_files import check_regular

BATCH_ROWS = 1024
"""Rows in memory at a time where a file is reduced as it is read."""

TRACE = pa.list_(pa.struct([("iteration", pa.int32()), ("total", pa.float32())]))
"""What is read of `loss_trace`."""

_AT_ONCE = 16  # files whose ends are read at a time
_REQUIRED = ("pair_id", "status")
_POINT_FIELDS = ("iteration", "total")
_DAMAGE = (pa.ArrowException, OSError, KeyError, ValueError)


@dataclass(frozen=True)
class DamagedFile:
    """A results file that counts as not there, and why."""

    path: Path
    reason: str


@dataclass(frozen=True)
class ResultsPart:
    """The rows that were read of one results file.

    Attributes:
        extras: the names of all columns that sources or the manifest carried along, whether they were read or not.
    """

    path: Path
    table: pa.Table
    extras: tuple[str, ...]


Reduce = Callable[[pa.Table], pa.Table]


def read_results(
    files: Iterable[Path],
    columns: Sequence[str],
    *,
    reduce: Reduce | None = None,
    whole: bool = False,
    damaged: list[DamagedFile] | None = None,
) -> Iterator[ResultsPart]:
    """Read some columns of results files, in the order of the files; remote ones are fetched some ahead.

    A file that cannot be read to its end, fails a checksum, or lacks `pair_id` or `status` is damaged and counts as not
    there: the next run makes its chunk again.

    Args:
        columns: names of `SCHEMA`, of extra columns (`x_…`), and `loss_left` (float64, NaN where unknown). Of
            `loss_trace` iteration and total are read. What a file lacks is null, but for `style_paths` and
            `style_shares`, which are parsed from its `style_path`.
        reduce: called with `BATCH_ROWS` rows at most as they are read; the table is then what it returned. With it the
            columns as they are in the file are never in memory whole.
        whole: read the other columns too, so that damage anywhere in a file is found.
        damaged: gets the damaged files.

    Raises:
        StorageUnreachable: the store does not answer.
    """
    for path, source in parquet_sources(files):
        try:
            check_regular(path)
            with pq.ParquetFile(source, page_checksum_verification=True) as file:
                part = _read_part(path, file, columns, reduce, whole)
        except FileNotFoundError:
            continue
        except _DAMAGE as error:
            if damaged is not None:
                damaged.append(DamagedFile(path, " ".join(str(error).split())[:200]))
            continue
        yield part


def count_rows(files: Iterable[Path]) -> Iterator[tuple[Path, int]]:
    """The number of rows of each results file by its footer; files whose footer is damaged are left out.

    Raises:
        StorageUnreachable: the store does not answer.
    """
    files = list(files)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for file, rows in zip(files, pool.map(_row_count, files), strict=True):
            if rows is not None:
                yield file, rows


def result_records(run_folder: Path, columns: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Some columns of every row of a run, as `read_results` gives them."""
    for part in read_results(result_files(run_folder), columns):
        yield from part.table.to_pylist()


def successes(table: pa.Table) -> pa.Table:
    """The rows of finished pairs."""
    return table.filter(pc.equal(table["status"], "success"))


def _row_count(file: Path) -> int | None:
    (name,), system = arrow_files([file])
    try:
        check_regular(file)
        return int(pq.read_metadata(name, filesystem=system).num_rows)
    except pa.ArrowException:
        return None
    except OSError:
        if not is_local(file):
            with suppress(FileNotFoundError):
                parquet_source(file)  # raises where it is the store that has trouble
        return None


def _read_part(
    path: Path, file: pq.ParquetFile, columns: Sequence[str], reduce: Reduce | None, whole: bool
) -> ResultsPart:
    names = file.schema_arrow.names
    if not set(_REQUIRED).issubset(names):
        raise KeyError(f"it has no columns {' and '.join(_REQUIRED)}")
    leaves = None if whole else _leaves(file, columns)
    if reduce is None:
        table = _completed(file.read(columns=leaves), columns)
    else:
        batches = file.iter_batches(BATCH_ROWS, columns=leaves)
        tables = [reduce(_completed(pa.Table.from_batches([batch]), columns)) for batch in batches]
        table = pa.concat_tables(tables or [reduce(_completed(file.read(columns=leaves), columns))])
    return ResultsPart(path, table, tuple(name for name in names if name.startswith(EXTRA_PREFIX)))


def _leaves(file: pq.ParquetFile, columns: Sequence[str]) -> list[str]:
    """The Parquet columns that some of ours are made from; `status` in any case, else nobody tells how many rows."""
    wanted = {"status", *columns}
    if not wanted.isdisjoint(PARSED_COLUMNS):
        wanted |= {*PARSED_COLUMNS, "style_path"}
    leaves = [name for name in file.schema_arrow.names if name in wanted - {"loss_trace"}]
    if not wanted.isdisjoint(("loss_trace", "loss_left")):
        paths = (file.schema.column(number).path for number in range(len(file.schema)))
        points = [path for path in paths if path.startswith("loss_trace.") and path.rpartition(".")[2] in _POINT_FIELDS]
        leaves += points if len(points) == len(_POINT_FIELDS) else []
    return leaves


def _completed(table: pa.Table, columns: Sequence[str]) -> pa.Table:
    """The columns that were asked for, from those of a file."""
    derived: dict[str, Any] = {}
    if not set(PARSED_COLUMNS).isdisjoint(columns):
        names = ("style_path", *PARSED_COLUMNS)
        styles = with_style_lists(pa.table([_column(table, name) for name in names], names=names))
        derived |= {name: styles[name] for name in PARSED_COLUMNS}
    if "loss_left" in columns:
        derived["loss_left"] = pa.array(loss_left(TraceArrays.of(_column(table, "loss_trace"))), pa.float64())
    arrays = [derived[name] if name in derived else _column(table, name) for name in columns]
    return pa.table(arrays, names=list(columns))


def _column(table: pa.Table, name: str) -> pa.ChunkedArray | pa.Array:
    """A column in its type; nulls where the file does not have it."""
    kind = TRACE if name == "loss_trace" else SCHEMA.field(name).type if name in SCHEMA.names else pa.string()
    return table[name].cast(kind) if name in table.column_names else pa.nulls(table.num_rows, kind)
