"""The checks of a manifest's rows, which find all faults at once."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Container, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from nst_core.manifest.style_cell import is_number, parses_as_styles
from nst_core.sources.artist_names import artist_key, suggest_name
from nst_core.sources.base import MASK_COLUMNS

if TYPE_CHECKING:
    import pandera.pandas as pa

COLUMNS = (
    "content",
    "style",
    "artist",
    "label",
    "split",
    "style_weight",
    "content_weight",
    "strength",
    "size",
    "seed",
    "replicate",
)
NUMBERS = ("style_weight", "content_weight", "strength", "size", "seed", "replicate")
_SHOWN_FAULTS = 50
_WHOLE = re.compile(r"(\d{1,18})(?:\.0*)?")
_LARGEST_SIZE = 65_500  # pixels that a JPEG can have on a side

ManifestFault = tuple[int, str, str, str]
"""Row number, column, value, reason."""


def value_faults(table: pd.DataFrame, style_ids: Container[str]) -> list[ManifestFault]:
    """Find all values of the wrong type, by lazy pandera validation of each column's distinct values."""
    from pandera.errors import SchemaErrors  # takes a second, and only manifests need it

    faults: list[ManifestFault] = []
    for name, column in _schema(set(table.columns), style_ids).columns.items():
        if name not in table.columns or table.empty:
            continue
        try:
            column.validate(table[[name]].drop_duplicates(), lazy=True)
        except SchemaErrors as errors:
            cases = errors.failure_cases
            reasons = {table.at[c["index"], name]: str(c["check"]) for c in cases.to_dict("records")}
            wrong = table[name][table[name].isin(list(reasons))]
            faults += [(int(row), name, value, reasons[value]) for row, value in wrong.items()]
    return faults


def _schema(columns: set[str], style_ids: Container[str]) -> pa.DataFrameSchema:
    """The schema of the known columns; optional cells may be empty."""
    import pandera.pandas as pa

    def column(holds: Callable[[str], bool], reason: str, required: bool = False) -> pa.Column:
        full = pa.Check(bool, element_wise=True, error="is empty")
        valid = pa.Check(lambda value: not value or holds(value), element_wise=True, error=reason)
        return pa.Column(str, [full, valid] if required else [valid], required=False)

    return pa.DataFrameSchema(
        {
            "content": column(bool, "is empty", required=True),
            "style": column(
                lambda v: parses_as_styles(v, style_ids),
                "names no style, or a share after @ is not a number above 0",
                "artist" not in columns,
            ),
            "artist": column(bool, "is empty", required="style" not in columns),
            "style_weight": column(lambda v: is_number(v) and float(v) > 0, "must be a number above 0"),
            "content_weight": column(is_number, "must be a number, 0 or more"),
            "strength": column(lambda v: is_number(v) and float(v) <= 1, "must be a number from 0 to 1"),
            "size": column(
                lambda v: _is_whole(v) and 16 <= whole_number(v) <= _LARGEST_SIZE,
                f"must be a whole number of pixels, 16 to {_LARGEST_SIZE}",
            ),
            "seed": column(_is_whole, "must be a whole number, 0 or more"),
            "replicate": column(
                lambda v: _is_whole(v) and whole_number(v) < 2**31, "must be a whole number, 0 or more"
            ),
        }
    )


def _is_whole(value: str) -> bool:
    return _WHOLE.fullmatch(value) is not None


def whole_number(text: str) -> int:
    """The whole number of a cell without faults; pandas writes 64 as `64.0` where other cells are empty."""
    return int(text.partition(".")[0])


def artist_faults(table: pd.DataFrame, artists: Mapping[str, str]) -> list[ManifestFault]:
    """Find rows whose style is to be drawn from an unknown artist, or that name neither style nor artist."""
    faults: list[ManifestFault] = []
    if "artist" not in table.columns:
        return faults
    styles = table["style"] if "style" in table.columns else [""] * len(table)
    nearest = functools.cache(lambda name: suggest_name(name, artists.values()))
    for row, artist, style in zip(table.index, table["artist"], styles, strict=True):
        if style:
            continue
        if not artist and "style" in table.columns:
            faults.append((row, "style", "", "is empty, and so is artist: a row needs one of them"))
        elif artist and artist_key(artist) not in artists:
            faults.append((row, "artist", artist, f"the style source has no such artist{nearest(artist)}"))
    return faults


def repeated_rows(table: pd.DataFrame) -> list[ManifestFault]:
    """Find rows that equal an earlier one in all known columns."""
    columns = [name for name in (*COLUMNS, *MASK_COLUMNS) if name in table.columns]
    first: dict[tuple[str, ...], int] = {}
    faults = []
    for row, key in zip(table.index, table[columns].itertuples(index=False, name=None), strict=True):
        earlier = first.setdefault(key, row)
        if earlier != row:
            faults.append((row, "content", key[0], f"the same as row {earlier}"))
    return faults


def faults_message(path: Path, faults: Sequence[ManifestFault]) -> str:
    """One sentence and a line per faulty cell, for `ManifestError`."""
    lines = [
        f"  row {row}, column {column}, value {value!r}: {reason}" for row, column, value, reason in sorted(faults)
    ]
    more = [f"  … and {len(lines) - _SHOWN_FAULTS} more"] if len(lines) > _SHOWN_FAULTS else []
    counted = "1 fault" if len(lines) == 1 else f"{len(lines)} faults"
    return "\n".join([f"The manifest {path} has {counted}; nothing was started:", *lines[:_SHOWN_FAULTS], *more])
