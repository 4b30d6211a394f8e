"""The manifest: a CSV file that says which content meets which style. The contract between people and the pipeline."""

from __future__ import annotations

import csv
import functools
import io
import itertools
import math
import re
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from nst_core.errors import ManifestError
from nst_core.recipes import suggestion

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
    "size",
    "seed",
    "replicate",
)
UNSTYLIZED = "unstylized"
"""In place of a style: the content is delivered as it is. Also the `artist` of such pairs."""

EXTRA_PREFIX = "x_"
_SHOWN_FAULTS = 50
_NUMBER = re.compile(r"\+?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,2})?")
_WHOLE = re.compile(r"\d{1,18}")
_FILE_ENDING = re.compile(r"[/\\]|\.[^\W\d]")
_MOST_PIECES = 8  # of a style's name with `;` in it
_LARGEST_SIZE = 65_500  # pixels that a JPEG can have on a side


@dataclass(frozen=True, slots=True)
class Overrides:
    """What a row of the manifest asks for in place of the recipe's own; None where it does not."""

    style_weight: float | None = None
    content_weight: float | None = None
    size: int | None = None
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class StyleRef:
    """One style of a row, by path or source id, with its share of a blend."""

    name: str
    share: float = 1.0


@dataclass(frozen=True, slots=True)
class ManifestRow:
    """One row: `number` is its line in a spreadsheet, `styles` is empty where one of `artist` is to be drawn."""

    number: int
    content: str
    styles: tuple[StyleRef, ...]
    artist: str | None = None
    label: str | None = None
    split: str | None = None
    overrides: Overrides = Overrides()
    extras: Mapping[str, str] = field(default_factory=dict)
    replicate: int = 0


def read_manifest(
    path: Path,
    known_artists: Iterable[str] = (),
    known_styles: Container[str] = (),
    known_contents: Container[str] = (),
) -> list[ManifestRow]:
    """Read and validate a manifest.

    Args:
        path: a CSV file in UTF-8 (with or without a byte-order mark), with a header.
        known_artists: artists of the style source, to check rows that leave the choice of the style to a draw.
        known_styles: ids of the style source: a cell that is one of them is one style, `;` and `@` in it or not.
        known_contents: ids of the content source. Spaces around a cell count only where they are part of an id.

    Raises:
        ManifestError: the file cannot be read, a column is missing, or rows are wrong: all of them are in the message,
            each with row number, column, value and reason.
    """
    table, faults = _read_table(path)
    for name in (name for name in COLUMNS if name in table.columns):
        known = {"content": known_contents, "style": known_styles}.get(name, ())
        tidy = {text: _tidy(text, known, name == "style") for text in table[name].unique()}
        table[name] = pd.Series([tidy[text] for text in table[name]], table.index, dtype=object)
    faults += _value_faults(table, known_styles)
    faults += _artist_faults(table, artist_lookup(known_artists)) + _repeated_rows(table)
    if faults:
        raise ManifestError(faults_message(path, faults))
    return list(_rows(table, known_styles))


def artist_lookup(artists: Iterable[str]) -> dict[str, str]:
    """Artists by a spelling that forgives case and `_` for spaces: `vincent van gogh` → `Vincent van Gogh`."""
    return {artist_key(name): name for name in artists}


def artist_key(name: str) -> str:
    return " ".join(name.replace("_", " ").casefold().split())


def parse_styles(text: str, known: Container[str] = ()) -> tuple[StyleRef, ...]:
    """`a.jpg@0.7;b.jpg@0.3` → two styles with shares; a text in `known` is one style. Raises ValueError."""
    if text in known:
        return (StyleRef(text),)
    return tuple(_style_ref(part, known) for part in _blended(text, known) if part.strip())


def format_styles(styles: Iterable[StyleRef]) -> str:
    """The inverse of `parse_styles`; styles of share 1 stand without it where no `@` in a name could mislead."""
    styles = list(styles)
    plain = all(s.share == 1 and not _has_share(s.name) for s in styles)
    return ";".join(s.name if plain else f"{s.name}@{number_text(s.share)}" for s in styles)


def _blended(text: str, known: Container[str]) -> Iterator[str]:
    """The parts of a blend; a `;` that belongs to a name in `known` parts nothing."""
    pieces = text.split(";")
    at = 0
    while at < len(pieces):
        ends = range(min(at + _MOST_PIECES, len(pieces)), at + 1, -1)
        end = next((end for end in ends if _names_one(";".join(pieces[at:end]), known)), at + 1)
        yield ";".join(pieces[at:end])
        at = end


def _names_one(part: str, known: Container[str]) -> bool:
    """Whether a part is one name in `known`, with a share or without."""
    for text in (part, part.strip()):
        name, _, share = text.rpartition("@")
        if text in known or (name in known and ";" not in share):
            return True
    return False


def _style_ref(part: str, known: Container[str]) -> StyleRef:
    for name in (part, part.strip()):
        if name in known:
            return StyleRef(name)
    if not _has_share(part.strip()):
        return StyleRef(part.strip())
    name, _, share = part.rstrip().rpartition("@")
    name = name if name in known else name.lstrip()
    if not _is_number(share) or float(share) <= 0:
        raise ValueError(f"the share {share!r} of {name!r} must be a number above 0")
    return StyleRef(name, float(share))


def _tidy(text: str, known: Container[str], is_style: bool) -> str:
    """A cell without the spaces around it, unless they are part of a name in `known`."""
    stripped = text.strip()
    if text == stripped or text in known:
        return text
    if is_style and _parses_as_styles(text, known) and parse_styles(text, known) != parse_styles(stripped, known):
        return text
    return stripped


def _has_share(part: str) -> bool:
    """Whether what follows the last `@` is meant as a share: it is not the rest of a path (`logo@2x.png`)."""
    name, _, share = part.rpartition("@")
    return bool(name) and not _FILE_ENDING.search(share)


def _read_table(path: Path) -> tuple[pd.DataFrame, list[Fault]]:
    """The cells of all rows that fit the header, and faults for the others."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise ManifestError(f"The manifest {path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise ManifestError(f"The manifest {path} is not in UTF-8: save it as 'CSV UTF-8'.") from error
    try:
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        shared: dict[str, str] = {}  # most texts stand in many rows
        records = [
            (number, [shared.setdefault(cell, cell) for cell in cells])
            for number, cells in enumerate(reader, start=1)
            if cells
        ]
    except csv.Error as error:
        raise ManifestError(f"The manifest {path} is not valid CSV: {error}.") from error
    if not records:
        raise ManifestError(f"The manifest {path} is empty: its first line must name the columns.")
    header = [name.strip() for name in records[0][1]]
    rows = [(number, cells) for number, cells in records[1:] if any(cell.strip() for cell in cells)]
    while header and not header[-1] and not any(cell.strip() for _, cells in rows for cell in cells[len(header) - 1 :]):
        header.pop()  # a column that a spreadsheet left behind
        rows = [(number, cells[: len(header)]) for number, cells in rows]
    _check_header(path, header, bool(rows))
    ragged: list[Fault] = [(number, "all", ",".join(cells), f"has {len(cells)} cells, the header {len(header)}")
                           for number, cells in rows if len(cells) != len(header)]  # fmt: skip
    fitting = {number: cells for number, cells in rows if len(cells) == len(header)}
    columns = zip(*fitting.values(), strict=True) if fitting else ([] for _ in header)
    return pd.DataFrame(dict(zip(header, columns, strict=True)), index=list(fitting), dtype=object), ragged


def _check_header(path: Path, names: Sequence[str], has_rows: bool) -> None:
    found = ", ".join(repr(name) for name in names)
    separator = next((s for s in (";", "\t") if s in names[0]), None) if len(names) == 1 else None
    if separator is not None:
        raise ManifestError(f"The manifest {path} has its cells separated by {separator!r}: save it with commas.")
    if "" in names:
        raise ManifestError(f"The manifest {path} has a column without a name, number {names.index('') + 1}.")
    repeated = next((name for name in names if names.count(name) > 1), None)
    if repeated is not None:
        raise ManifestError(f"The manifest {path} has the column {repeated!r} twice.")
    if "content" not in names:
        raise ManifestError(
            f"The manifest {path} lacks the column 'content'{suggestion('content', names)}; it has {found}."
        )
    if "style" not in names and "artist" not in names:
        raise ManifestError(f"The manifest {path} needs a column 'style' or 'artist'; it has {found}.")
    if not has_rows:
        raise ManifestError(f"The manifest {path} has no rows below its header.")


Fault = tuple[int, str, str, str]
"""Row number, column, value, reason."""


def _value_faults(table: pd.DataFrame, known_styles: Container[str]) -> list[Fault]:
    """All values of the wrong type, found by lazy pandera validation of each column's distinct ones."""
    from pandera.errors import SchemaErrors  # takes a second, and only manifests need it

    faults: list[Fault] = []
    for name, column in _schema(set(table.columns), known_styles).columns.items():
        if name not in table.columns:
            continue
        try:
            column.validate(table[[name]].drop_duplicates(), lazy=True)
        except SchemaErrors as errors:
            cases = errors.failure_cases
            reasons = {table.at[c["index"], name]: str(c["check"]) for c in cases.to_dict("records")}
            wrong = table[name][table[name].isin(list(reasons))]
            faults += [(int(row), name, value, reasons[value]) for row, value in wrong.items()]
    return faults


def _schema(columns: set[str], known_styles: Container[str]) -> pa.DataFrameSchema:
    """What each known column may hold; optional cells may be empty."""
    import pandera.pandas as pa

    def column(holds: Callable[[str], bool], reason: str, required: bool = False) -> pa.Column:
        full = pa.Check(bool, element_wise=True, error="is empty")
        valid = pa.Check(lambda value: not value or holds(value), element_wise=True, error=reason)
        return pa.Column(str, [full, valid] if required else [valid], required=False)

    return pa.DataFrameSchema(
        {
            "content": column(bool, "is empty", required=True),
            "style": column(
                lambda v: _parses_as_styles(v, known_styles),
                "names no style, or a share after @ is not a number above 0",
                "artist" not in columns,
            ),
            "artist": column(bool, "is empty", required="style" not in columns),
            "style_weight": column(lambda v: _is_number(v) and float(v) > 0, "must be a number above 0"),
            "content_weight": column(_is_number, "must be a number, 0 or more"),
            "size": column(
                lambda v: _is_whole(v) and 16 <= int(v) <= _LARGEST_SIZE,
                f"must be a whole number of pixels, 16 to {_LARGEST_SIZE}",
            ),
            "seed": column(_is_whole, "must be a whole number, 0 or more"),
            "replicate": column(lambda v: _is_whole(v) and int(v) < 2**31, "must be a whole number, 0 or more"),
        }
    )


def _is_number(value: str) -> bool:
    return _NUMBER.fullmatch(value) is not None and math.isfinite(float(value))


def _is_whole(value: str) -> bool:
    return _WHOLE.fullmatch(value) is not None


def _parses_as_styles(value: str, known: Container[str]) -> bool:
    try:
        return bool(parse_styles(value, known))
    except ValueError:
        return False


def _artist_faults(table: pd.DataFrame, known: Mapping[str, str]) -> list[Fault]:
    """Rows whose style is to be drawn from an artist that the source does not have, or that name neither."""
    faults: list[Fault] = []
    if "artist" not in table.columns:
        return faults
    styles = table["style"] if "style" in table.columns else [""] * len(table)
    nearest = functools.cache(lambda key: suggestion(key, known))
    for row, artist, style in zip(table.index, table["artist"], styles, strict=True):
        if style:
            continue
        if not artist and "style" in table.columns:
            faults.append((row, "style", "", "is empty, and so is artist: a row needs one of them"))
        elif artist and artist_key(artist) not in known:
            faults.append((row, "artist", artist, f"the style source has no such artist{nearest(artist_key(artist))}"))
    return faults


def _repeated_rows(table: pd.DataFrame) -> list[Fault]:
    columns = [name for name in COLUMNS if name in table.columns]
    first: dict[tuple[str, ...], int] = {}
    faults = []
    for row, key in zip(table.index, table[columns].itertuples(index=False, name=None), strict=True):
        earlier = first.setdefault(key, row)
        if earlier != row:
            faults.append((row, "content", key[0], f"the same as row {earlier}"))
    return faults


def faults_message(path: Path, faults: Sequence[Fault]) -> str:
    """One sentence and a line per faulty cell, for `ManifestError`."""
    lines = [
        f"  row {row}, column {column}, value {value!r}: {reason}" for row, column, value, reason in sorted(faults)
    ]
    more = [f"  … and {len(lines) - _SHOWN_FAULTS} more"] if len(lines) > _SHOWN_FAULTS else []
    counted = "1 fault" if len(lines) == 1 else f"{len(lines)} faults"
    return "\n".join([f"The manifest {path} has {counted}; nothing was started:", *lines[:_SHOWN_FAULTS], *more])


def _rows(table: pd.DataFrame, known_styles: Container[str]) -> Iterator[ManifestRow]:
    """The rows; those with the same texts share what is made of them."""
    empty = [""] * len(table)
    texts = {name: table[name].tolist() if name in table.columns else empty for name in COLUMNS}
    parsed = {text: parse_styles(text, known_styles) for text in set(texts["style"])}
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
            int(replicate or 0),
        )


def _overrides(style_weight: str, content_weight: str, size: str, seed: str) -> Overrides:
    return Overrides(
        float(style_weight) if style_weight else None,
        float(content_weight) if content_weight else None,
        int(size) if size else None,
        int(seed) if seed else None,
    )


def number_text(value: float) -> str:
    """The shortest text that reads as `value`."""
    return str(int(value)) if value.is_integer() and value < 1e15 else repr(value)
