"""The plan: one row per pair to make, with its identity, its place in chunks and batches, and what its inputs were.

A plan part is immutable. In memory a plan is a table; its rows become objects one by one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, overload

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from nst_core.errors import SKIPPED
from nst_core.manifest.style_cell import StyleRef, format_styles
from nst_core.storage.paths import parquet_source
from nst_core.storage.regular_files import check_regular

DICTIONARY_COLUMNS = [
    "chunk_id",
    "content_id",
    "content_path",
    "artist",
    "artist_slug",
    "genre",
    "label",
    "label_slug",
    "split",
    "split_slug",
    "content_sha256",
    "error_class",
    "error_message",
    "content_license",
    "content_source_url",
    "style_license",
    "fingerprint",
    "method_fingerprint",
]
"""Columns whose texts many rows share: in memory each text is kept once."""

_ROWS_AT_ONCE = 4096


@dataclass(frozen=True)
class PlannedPair:
    """One row of a plan. Styles of a blend are parallel tuples, empty where the content is to stay unstylized.

    `width` × `height` is the size that is optimised. `error_class` and `error_message` are set where an input was seen
    to be bad, or is left out on purpose, when the plan was made: such a pair costs no work.
    """

    pair_id: str
    chunk_id: str
    batch: int
    content_id: str
    content_path: str
    style_ids: tuple[str, ...]
    style_paths: tuple[str, ...]
    style_shares: tuple[float, ...]
    artist: str | None
    artist_slug: str
    genre: str | None
    label: str | None
    label_slug: str | None
    split: str | None
    split_slug: str | None
    file_name: str
    replicate: int
    style_weight: float | None
    content_weight: float | None
    size: int
    seed: int
    width: int
    height: int
    content_sha256: str | None
    style_sha256: tuple[str | None, ...]
    content_bytes: int
    content_mtime_ns: int
    style_bytes: tuple[int, ...]
    style_mtime_ns: tuple[int, ...]
    error_class: str | None
    error_message: str | None
    content_license: str | None
    content_source_url: str | None
    style_license: str | None
    fingerprint: str
    method_fingerprint: str
    extras: Mapping[str, str] = field(default_factory=dict)
    strength: float | None = None

    @property
    def style_path(self) -> str:
        """The styles as one text, as in a manifest."""
        return format_styles(StyleRef(p, s) for p, s in zip(self.style_paths, self.style_shares, strict=True))


_TYPES = {
    "str": pa.string(),
    "int": pa.int32(),
    "float": pa.float64(),
    "tuple[str, ...]": pa.list_(pa.string()),
    "tuple[str | None, ...]": pa.list_(pa.string()),
    "tuple[int, ...]": pa.list_(pa.int64()),
    "tuple[float, ...]": pa.list_(pa.float64()),
    "Mapping[str, str]": pa.map_(pa.string(), pa.string()),
}
_LONG = ("seed", "content_bytes", "content_mtime_ns")

PLAN_SCHEMA = pa.schema(
    [
        (column.name, pa.int64() if column.name in _LONG else _TYPES[str(column.type).removesuffix(" | None")])
        for column in fields(PlannedPair)
    ]
)
"""The columns of a plan part: the fields of `PlannedPair`."""

LATER_COLUMNS = ("strength",)
"""Columns that plans gained after the first version: older parts lack them, and are read as if they held nothing."""


class Plan(Sequence[PlannedPair]):
    """Planned pairs, kept as an Arrow table with the columns of `PLAN_SCHEMA` (some of them as dictionaries)."""

    def __init__(self, table: pa.Table) -> None:
        self.table = table

    @classmethod
    def of(cls, rows: Iterable[PlannedPair]) -> Plan:
        """The plan that holds `rows`, in their order."""
        records = [{**row.__dict__, "extras": list(row.extras.items())} for row in rows]
        return cls(pa.Table.from_pylist(records, schema=PLAN_SCHEMA))

    def __len__(self) -> int:
        return int(self.table.num_rows)

    @overload
    def __getitem__(self, index: int) -> PlannedPair: ...
    @overload
    def __getitem__(self, index: slice) -> Plan: ...
    def __getitem__(self, index: int | slice) -> PlannedPair | Plan:
        if isinstance(index, slice):
            start, stop, step = index.indices(len(self))
            if step != 1:
                return self.take(np.arange(start, stop, step))
            return Plan(self.table.slice(start, max(0, stop - start)))
        place = range(len(self))[index]
        return _planned_pair(self.table.slice(place, 1).to_pylist()[0])

    def __iter__(self) -> Iterator[PlannedPair]:
        for batch in self.table.to_batches(max_chunksize=_ROWS_AT_ONCE):
            yield from map(_planned_pair, batch.to_pylist())

    def column(self, name: str) -> list[Any]:
        """The values of one column."""
        return list(self.table.column(name).to_pylist())

    def codes(self, name: str) -> tuple[NDArray[np.int32], list[Any]]:
        """A column of text as (index into the distinct values, -1 where there is none; the distinct values)."""
        encoded = self.table.column(name).combine_chunks()
        if not pa.types.is_dictionary(encoded.type):
            encoded = encoded.dictionary_encode()
        if isinstance(encoded, pa.ChunkedArray):
            encoded = encoded.unify_dictionaries().combine_chunks()
        codes = np.full(len(encoded), -1, np.int32)
        codes[_numbers(pc.indices_nonzero(encoded.is_valid()))] = _numbers(encoded.indices.drop_null())
        return codes, encoded.dictionary.to_pylist()

    def numbers(self, name: str) -> NDArray[Any]:
        """A column of numbers without gaps."""
        return _numbers(self.table.column(name).combine_chunks())

    def take(self, places: NDArray[Any]) -> Plan:
        """The rows at `places`, or where a mask is true."""
        rows = np.flatnonzero(places) if places.dtype == np.bool_ else places
        return Plan(self.table.take(_array(rows)))

    def with_columns(self, **columns: pa.ChunkedArray | pa.Array) -> Plan:
        """The plan with other values in some columns."""
        table = self.table
        for name, values in columns.items():
            table = table.set_column(table.schema.get_field_index(name), name, values)
        return Plan(table)

    def distinct(self, *names: str) -> list[tuple[Any, ...]]:
        """The distinct combinations of some columns of text or numbers, in the order in which they come first.

        Arrow's `group_by` would do, but it loads pandas: a second, for commands that answer in less.
        """
        groups = np.zeros(len(self), np.int64)
        for name in names:
            codes, values = self.codes(name)
            groups = np.unique(groups * (len(values) + 1) + codes + 1, return_inverse=True)[1]
        first = np.sort(np.unique(groups, return_index=True)[1])
        rows = self.table.select(list(names)).take(_array(first))
        return list(zip(*(rows.column(name).to_pylist() for name in names), strict=True))

    def errors(self) -> list[str]:
        """The faults of inputs, each sentence once; exclusions on purpose are none."""
        found = self.distinct("error_class", "error_message")
        return sorted({message for name, message in found if name is not None and name not in SKIPPED})


def _numbers(array: pa.Array) -> NDArray[Any]:
    """The numbers of an array without gaps. (Arrow's own conversions, from and to NumPy, load pandas: a second.)"""
    return np.from_dlpack(array)


def _array(numbers: NDArray[Any]) -> pa.Array:
    """The inverse of `_numbers`, for places of rows."""
    return pa.Array.from_buffers(pa.int64(), len(numbers), [None, pa.py_buffer(numbers.astype(np.int64))])


def concat_plans(plans: Iterable[Plan]) -> Plan:
    """One plan after the other."""
    tables = [plan.table for plan in plans]
    if not tables:
        return Plan(PLAN_SCHEMA.empty_table())
    return Plan(pa.concat_tables(tables).unify_dictionaries())


def plan_columns(path: Path, columns: Sequence[str]) -> pa.Table:
    """Some columns of a plan part.

    Raises:
        pyarrow.ArrowException, OSError: it is damaged.
        KeyError: it lacks one of the columns.
    """
    check_regular(path)
    part = pq.ParquetFile(parquet_source(path), page_checksum_verification=True)
    return with_later_columns(part.read(columns=list(columns))).select(columns)


def with_later_columns(table: pa.Table) -> pa.Table:
    """A table of a plan part, with the columns that it may lack for its age, last."""
    for name in LATER_COLUMNS:
        if name not in table.column_names:
            table = table.append_column(PLAN_SCHEMA.field(name), pa.nulls(len(table), PLAN_SCHEMA.field(name).type))
    return table


def _planned_pair(record: Mapping[str, Any]) -> PlannedPair:
    values = {name: record[name] for name in PLAN_SCHEMA.names}
    for name, value in values.items():
        if isinstance(value, list):
            values[name] = tuple(value)
    values["extras"] = dict(record["extras"])
    return PlannedPair(**values)
