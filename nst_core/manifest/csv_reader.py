"""The reader of manifests, the CSV files that pair contents with styles."""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Container, Iterable, Iterator, Sequence
from pathlib import Path

import pandas as pd

from nst_core.errors import ManifestError, suggestion
from nst_core.manifest.checks import (
    COLUMNS,
    NUMBERS,
    ManifestFault,
    artist_faults,
    faults_message,
    repeated_rows,
    value_faults,
    whole_number,
)
from nst_core.manifest.row import ManifestRow, Overrides
from nst_core.manifest.style_cell import parse_styles, parses_as_styles
from nst_core.sources.artist_names import artist_lookup
from nst_core.sources.base import MASK_COLUMNS
from nst_core.sources.csv_table import CsvFault, CsvTable, decode_table, parse_csv
from nst_core.storage.names import name_key
from nst_core.storage.regular_files import read_regular

_COMMA_SHARE = re.compile(r"(@\s*\d*),(\d+\s*(?:;|$))")


def read_manifest(
    path: Path,
    artists: Iterable[str] = (),
    style_ids: Container[str] = (),
    content_ids: Container[str] = (),
) -> list[ManifestRow]:
    """Read and validate a manifest.

    Args:
        path: a CSV file as `nst_core.sources.csv_table` reads them, with a header; where its cells are not separated by
            commas, its numbers may have decimal commas.
        artists: artists of the style source, to check rows that leave the choice of the style to a draw.
        style_ids: ids of the style source: a cell that is one of them is one style, `;` and `@` in it or not.
        content_ids: ids of the content source. Spaces around a cell count only where they are part of an id.

    Raises:
        ManifestError: the file cannot be read, a column is missing, or rows are wrong: all of them are in the message,
            each with row number, column, value and reason.
    """
    table, faults = _read_table(path, style_ids)
    for name in (name for name in COLUMNS if name in table.columns):
        ids = {"content": content_ids, "style": style_ids}.get(name, ())
        stripped = {text: _stripped(text, ids, name == "style") for text in table[name].unique()}
        table[name] = pd.Series([stripped[text] for text in table[name]], table.index, dtype=object)
    faults += value_faults(table, style_ids)
    faults += artist_faults(table, artist_lookup(artists)) + repeated_rows(table)
    if faults:
        raise ManifestError(faults_message(path, faults))
    return list(_rows(table, style_ids))


def _stripped(text: str, ids: Container[str], is_style: bool) -> str:
    """A cell without the spaces around it, unless they are part of a name in `ids`."""
    stripped = text.strip()
    if text == stripped or text in ids:
        return text
    if is_style and parses_as_styles(text, ids) and parse_styles(text, ids) != parse_styles(stripped, ids):
        return text
    return stripped


def _read_table(path: Path, style_ids: Container[str]) -> tuple[pd.DataFrame, list[ManifestFault]]:
    """The cells of all rows that fit the header, and faults for the others."""
    table = _parse(path)
    if not table.rows:
        raise ManifestError(f"The manifest {path} is empty: its first line must name the columns.")
    header = [_column_name(name) for name in table.rows[0][1]]
    rows = table.rows[1:]
    while header and not header[-1] and not any(cell.strip() for _, cells in rows for cell in cells[len(header) - 1 :]):
        header.pop()  # a column that a spreadsheet left behind
        rows = [(number, cells[: len(header)]) for number, cells in rows]
    if header[0] == "" and len(header) > 1:  # the index that pandas writes, and spreadsheets' row numbers
        header, rows = header[1:], [(number, cells[1:]) for number, cells in rows]
    _check_header(path, header, bool(rows))
    faults: list[ManifestFault] = [(number, "all", ",".join(cells), f"has {len(cells)} cells, the header {len(header)}")
                                   for number, cells in rows if len(cells) != len(header)]  # fmt: skip
    fitting = {number: cells for number, cells in rows if len(cells) == len(header)}
    columns = zip(*fitting.values(), strict=True) if fitting else ([] for _ in header)
    frame = pd.DataFrame(dict(zip(header, columns, strict=True)), index=list(fitting), dtype=object)
    for name in (name for name in ("style", *NUMBERS) if name in header and table.separator != ","):
        frame[name] = [
            _with_decimal_points(cell, style_ids) if name == "style" else table.number_text(cell.strip())
            for cell in frame[name]
        ]
    return frame, faults


def _parse(path: Path) -> CsvTable:
    try:
        return parse_csv(decode_table(read_regular(path)))
    except OSError as error:
        raise ManifestError(f"The manifest {path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise ManifestError(f"The manifest {path} is not in UTF-8: save it as 'CSV UTF-8'.") from error
    except CsvFault as error:
        raise ManifestError(f"The manifest {path} is not valid CSV, {error}.") from error


def _column_name(text: str) -> str:
    """A known column in any spelling (`Style`, `Style Weight`), any other as it is written."""
    key = name_key(text).replace(" ", "_")
    return key if key in (*COLUMNS, *MASK_COLUMNS) else text.strip()


def _with_decimal_points(cell: str, style_ids: Container[str]) -> str:
    """A cell of styles whose shares have decimal commas: `a.jpg@0,7;b.jpg@0,3`."""
    return cell if cell in style_ids else _COMMA_SHARE.sub(r"\1.\2", cell)


def _check_header(path: Path, names: Sequence[str], has_rows: bool) -> None:
    found = ", ".join(repr(name) for name in names)
    if "" in names:
        raise ManifestError(f"The manifest {path} has a column without a name, number {names.index('') + 1}.")
    keys = [name_key(name) for name in names]
    repeated = next((name for name, key in zip(names, keys, strict=True) if keys.count(key) > 1), None)
    if repeated is not None:
        raise ManifestError(f"The manifest {path} has the column {repeated!r} twice; it has {found}.")
    if "content" not in names:
        raise ManifestError(
            f"The manifest {path} lacks the column 'content'{suggestion('content', names)}; it has {found}."
        )
    if "style" not in names and "artist" not in names:
        raise ManifestError(f"The manifest {path} needs a column 'style' or 'artist'; it has {found}.")
    if not has_rows:
        raise ManifestError(f"The manifest {path} has no rows below its header.")


def _rows(table: pd.DataFrame, style_ids: Container[str]) -> Iterator[ManifestRow]:
    """The rows of a table without faults; rows with the same texts share the parsed objects."""
    empty = [""] * len(table)
    texts = {name: table[name].tolist() if name in table.columns else empty for name in COLUMNS}
    parsed = {text: parse_styles(text, style_ids) for text in set(texts["style"])}
    overrides = functools.cache(_overrides)
    names = [str(name) for name in table.columns if name not in COLUMNS]
    extras = zip(*(table[name].tolist() for name in names), strict=True) if names else itertools.repeat(())
    for number, cells, extra in zip(table.index.tolist(), zip(*texts.values(), strict=True), extras, strict=False):
        content, style, artist, label, split, *numbers, replicate = cells
        yield ManifestRow(
            number,
            content,
            parsed[style],
            artist or None,
            label or None,
            split or None,
            overrides(*numbers),
            dict(zip(names, extra, strict=True)),
            whole_number(replicate or "0"),
        )


def _overrides(style_weight: str, content_weight: str, strength: str, size: str, seed: str) -> Overrides:
    return Overrides(
        float(style_weight) if style_weight else None,
        float(content_weight) if content_weight else None,
        whole_number(size) if size else None,
        whole_number(seed) if seed else None,
        float(strength) if strength else None,
    )
