"""The styles of result rows as lists: parsed from `style_path` where rows are older than the columns."""

from __future__ import annotations

from collections.abc import Container, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nst_core.errors import StorageUnreachable, UsageError
from nst_core.manifest.style_cell import StyleRef, parse_styles
from nst_core.storage.paths import parse_path

_CACHED_NAMES = 4096

PARSED_COLUMNS = ("style_paths", "style_shares")
"""The columns that `style_path` holds as one text; ids are in the plan alone where a row does not have them."""


def with_style_lists(table: pa.Table) -> pa.Table:
    """Fill `style_paths` and `style_shares` from `style_path` where they are null, or not equally long."""
    lengths = [pc.list_value_length(table[name]) for name in PARSED_COLUMNS]
    given = pc.equal(*lengths)
    if pc.all(given, skip_nulls=False).as_py():
        return table
    existing = ExistingFiles()
    cells = zip(given.to_pylist(), table["style_path"].to_pylist(), strict=True)
    parsed = [None if is_given else parse_style_path(cell or "", existing) for is_given, cell in cells]
    filled: dict[str, list[Any]] = {
        "style_paths": [refs and [ref.name for ref in refs] for refs in parsed],
        "style_shares": [refs and [ref.share for ref in refs] for refs in parsed],
    }
    for name, values in filled.items():
        lists = [old if new is None else list(new) for old, new in zip(table[name].to_pylist(), values, strict=True)]
        place, flat = table.schema.get_field_index(name), [value for values in lists for value in values]
        column = _lists([len(values) for values in lists], _texts(flat) if name == "style_paths" else _floats(flat))
        table = table.set_column(place, name, column.cast(table.schema.field(name).type))
    return table


# `pa.array` would do, but loads pandas, for which `nst status` would wait a second.


def _lists(lengths: Sequence[int], values: pa.Array) -> pa.ListArray:
    return pa.ListArray.from_arrays(_offsets(lengths), values)


def _texts(values: Sequence[str]) -> pa.Array:
    data = [value.encode() for value in values]
    offsets = _offsets([len(text) for text in data])
    return pa.Array.from_buffers(pa.string(), len(data), [None, offsets.buffers()[1], pa.py_buffer(b"".join(data))])


def _floats(values: Sequence[float]) -> pa.Array:
    return pa.Array.from_buffers(pa.float64(), len(values), [None, pa.py_buffer(np.asarray(values, np.float64))])


def _offsets(lengths: Sequence[int]) -> pa.Array:
    ends = np.cumsum([0, *lengths], dtype=np.int32)
    return pa.Array.from_buffers(pa.int32(), len(ends), [None, pa.py_buffer(ends)])


def parse_style_path(cell: str, existing: Container[str] | None = None) -> tuple[StyleRef, ...]:
    """The styles that a `style_path` names, `a.jpg@0.7;b.jpg@0.3`; none where it is empty.

    Args:
        existing: the names of files that exist: a `;` or `@` in one of them separates nothing.
    """
    if cell == cell.strip() and not any(mark in cell for mark in ";@"):
        return (StyleRef(cell),) if cell else ()
    try:
        return parse_styles(cell, ExistingFiles() if existing is None else existing)
    except ValueError:
        return (StyleRef(cell),)


def relative_shares(shares: Sequence[float]) -> tuple[float, ...]:
    """The shares of a blend's styles, 1 in all."""
    whole = sum(shares) or 1.0
    return tuple(share / whole for share in shares)


class ExistingFiles:
    """The names of all files that exist, local or at a store, as of when each was first looked up."""

    def __init__(self) -> None:
        self._exists = lru_cache(_CACHED_NAMES)(_is_file)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and bool(name) and self._exists(name)


def _is_file(name: str) -> bool:
    try:
        return parse_path(name).is_file()
    except (OSError, ValueError, UsageError, StorageUnreachable):  # a name too long, an unknown store, …
        return False
