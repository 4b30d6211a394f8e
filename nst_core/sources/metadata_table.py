"""The tables that Hugging Face's imagefolder reads, `metadata.csv`, `.jsonl` and `.parquet`, as rows of texts."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

from nst_core.errors import SourceError
from nst_core.sources.csv_table import csv_record, csv_rows, decode_table
from nst_core.sources.wording import quantity, short_list
from nst_core.storage.paths import parquet_source
from nst_core.storage.regular_files import read_regular


@dataclass(frozen=True)
class MetadataTable:
    """The rows of one table.

    Attributes:
        columns: their names, in order, each once and none empty.
        rows: the cells by column, each row with its number in a spreadsheet, or as the line of its file.
        notes: what of it is left out or was mended.
        faults: what is wrong with rows.
    """

    columns: tuple[str, ...]
    rows: list[tuple[int, dict[str, str]]]
    notes: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()


def read_metadata_table(path: Path, name: str) -> MetadataTable:
    """Read a table by the suffix of its file. `name`: relative to the source's folder, for notes.

    Raises:
        SourceError: it cannot be read, or has a column twice, or rows with more cells than columns.
    """
    return _READERS[Path(name).suffix.casefold()](path, name)


def _read_csv(path: Path, name: str) -> MetadataTable:
    try:
        found = csv_rows(path, decode_table(_bytes(path)))
    except UnicodeDecodeError as error:
        raise SourceError(f"{path} is not in UTF-8: save it as 'CSV UTF-8'.") from error
    if not found.rows:
        raise SourceError(f"{path} is empty: its first line must name the columns, `file_name` among them.")
    (_, first), *rows = found.rows
    header = [column.strip() for column in first]
    _check_distinct(path, header)
    ragged = [str(number) for number, cells in rows if any(cell.strip() for cell in cells[len(header) :])]
    if ragged:
        raise SourceError(
            f"{path} has rows with more cells than its header has columns: row {short_list(ragged, most=50)}."
        )
    notes = []
    nameless = [at for at, column in enumerate(header) if not column]
    if any("".join(cells[at : at + 1]).strip() for _, cells in rows for at in nameless):
        notes.append(f"Left out: the column without a name of {name}.")
    if found.mended:
        notes.append(
            f"{name} has quotes out of place, which were read as well as they can be: "
            f"row {short_list([str(number) for number in found.mended])}."
        )
    records = [
        (number, {column: cell for column, cell in csv_record(header, cells).items() if column})
        for number, cells in rows
    ]
    return MetadataTable(tuple(filter(None, header)), records, tuple(notes))


def _read_jsonl(path: Path, name: str) -> MetadataTable:
    try:
        lines = decode_table(_bytes(path)).split("\n")
    except UnicodeDecodeError as error:
        raise SourceError(f"{path} is not in UTF-8.") from error
    faults, found = [], []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            value = None
        if isinstance(value, dict):
            found.append((number, value))
        else:
            faults.append(f"row {number} of {name} is no JSON object")
    if not found and not faults:
        raise SourceError(f"{path} is empty: each of its lines must be a JSON object with `file_name`.")
    rows = ((number, {cell_text(key.strip()): value for key, value in row.items()}) for number, row in found)
    return _of_values(path, name, rows, faults)


def _read_parquet(path: Path, name: str) -> MetadataTable:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.ParquetFile(parquet_source(path)).read()
        columns = {column: values.to_pylist() for column, values in zip(table.column_names, table.columns, strict=True)}
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        raise SourceError(f"{path} is not valid Parquet ({' '.join(str(error).split())[:200]}).") from error
    _check_distinct(path, table.column_names)
    rows = (dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True))
    return _of_values(path, name, enumerate(rows, start=1), (), tuple(columns))


def _of_values(
    path: Path,
    name: str,
    rows: Iterable[tuple[int, Mapping[str, Any]]],
    faults: Sequence[str],
    columns: Sequence[str] = (),
) -> MetadataTable:
    """A table of JSON or Parquet values: as texts, without those that can be none."""
    records, names, bytes_in = [], dict.fromkeys(columns), Counter[str]()
    for number, values in rows:
        names |= dict.fromkeys(values)
        bytes_in.update(column for column, value in values.items() if _holds_bytes(value))
        records.append((number, {column: cell_text(value) for column, value in values.items() if column}))
    if not names and faults:
        raise SourceError(f"{path} holds no row that can be read: {short_list(faults, most=3)}.")
    if not names:
        raise SourceError(f"{path} is empty: each of its rows must have a `file_name`.")
    notes = [
        f"Left out: column {column!r} of {name} holds bytes in {quantity(count, 'row')}."
        for column, count in bytes_in.items()
    ]
    kept = [column for column in names if column and column not in bytes_in]
    rows_of_text = [(number, {column: record.get(column, "") for column in kept}) for number, record in records]
    return MetadataTable(tuple(kept), rows_of_text, tuple(notes), tuple(faults))


def cell_text(value: Any) -> str:
    """A value of JSON or Parquet as the cell of a CSV table: lists and objects as JSON, nothing (or NaN) as empty."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()  # half a surrogate pair is no text
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], str):
        return cell_text(value[0])
    if isinstance(value, list | dict):
        return cell_text(json.dumps(value, ensure_ascii=False, default=str))
    return str(value)


def _holds_bytes(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_holds_bytes, value.values()))
    return isinstance(value, bytes)


def _bytes(path: Path) -> bytes:
    try:
        return read_regular(path)
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}.") from error


def _check_distinct(path: Path, names: Sequence[str]) -> None:
    repeated = next((name for name in names if name and names.count(name) > 1), None)
    if repeated is not None:
        raise SourceError(f"{path} has the column {repeated!r} twice.")


_READERS: dict[str, Callable[[Path, str], MetadataTable]] = {
    ".csv": _read_csv,
    ".jsonl": _read_jsonl,
    ".parquet": _read_parquet,
}

METADATA_FILES = tuple(f"metadata{suffix}" for suffix in _READERS)
"""The names of the tables; of several in one folder, the first in this order is read."""


def one_by_folder(tables: Iterable[str]) -> Iterator[tuple[str, str | None]]:
    """Each table that is read, as (its path, None), and each that is not, as (its path, the one in its place or '')."""
    by_folder: dict[str, list[str]] = {}
    for path in sorted(tables):
        by_folder.setdefault(path.rpartition("/")[0], []).append(path)
    for members in by_folder.values():
        known = [path for path in members if path.rpartition("/")[2].casefold() in METADATA_FILES]
        known.sort(key=lambda path: METADATA_FILES.index(path.rpartition("/")[2].casefold()))
        yield from ((path, None if path in known[:1] else known[0] if known else "") for path in members)
