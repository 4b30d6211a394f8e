"""`metadata.csv` beside the images of a folder, as Hugging Face's imagefolder has it: what is known of each file."""

from __future__ import annotations

import csv
import io
import posixpath
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nst_core.errors import SourceError, suggestion
from nst_core.sources.licenses import license_id
from nst_core.sources.walk import leads_outside, source_id

METADATA_FILE = "metadata.csv"
_KNOWN = ("label", "split", "artist", "genre", "nationality", "license", "source_url")
_SHOWN_FAULTS = 50


@dataclass(frozen=True, slots=True)
class MetadataRow:
    """What a row says about a file; None where it says nothing. Extras are the other columns, unchanged."""

    label: str | None = None
    split: str | None = None
    artist: str | None = None
    genre: str | None = None
    nationality: str | None = None
    license: str | None = None
    source_url: str | None = None
    extras: tuple[tuple[str, str], ...] = ()

    @property
    def years(self) -> str | None:
        """Of the painter, where a column `years` has them; an extra all the same, since contents may have one."""
        return dict(self.extras).get("years", "").strip() or None


def read_metadata(root: Path, splits: Iterable[str] = ()) -> dict[str, MetadataRow] | None:
    """The rows of `metadata.csv` in `root` and in the folders of its splits, by source id; None where there is none.

    The column `file_name` is relative to the folder that the table lies in.

    Raises:
        SourceError: a table cannot be read or lacks `file_name`, or rows are wrong: all of them are in the message.
    """
    places = [(prefix, root / prefix / METADATA_FILE) for prefix in ("", *splits)]
    tables = [(prefix, path) for prefix, path in places if path.is_file()]
    if not tables:
        return None
    facts: dict[str, MetadataRow] = {}
    first: dict[str, tuple[str, int]] = {}
    faults: list[str] = []
    for prefix, path in tables:
        table = f"{prefix}/{METADATA_FILE}" if prefix else METADATA_FILE
        for number, record in _records(path):
            name = record["file_name"]
            reason = _name_fault(name)
            identity = "" if reason else _identity(prefix, name)
            if identity in first:
                earlier_table, earlier = first[identity]
                reason = f"is the same file as in row {earlier} of {earlier_table}"
            if reason:
                faults.append(f"row {number} of {table}: file_name {name!r} {reason}")
            else:
                first[identity] = table, number
                facts[identity] = _facts(record)
    if faults:
        raise SourceError(_faults_message(root, faults))
    return facts


def _facts(record: Mapping[str, str]) -> MetadataRow:
    known = {name: record.get(name, "").strip() or None for name in _KNOWN}
    known["license"] = license_id(None, known["license"])
    extras = ((name, value) for name, value in record.items() if name not in _KNOWN and name != "file_name")
    return MetadataRow(**known, extras=tuple(extras))


def _identity(folder: str, name: str) -> str:
    return source_id(posixpath.normpath(posixpath.join(folder, name.replace("\\", "/"))))


def _name_fault(name: str) -> str | None:
    if not name:
        return "is empty"
    return "leads outside the folder" if leads_outside(name) else None


def _records(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Each row with its number in a spreadsheet."""
    rows = _rows(path)
    if not rows:
        raise SourceError(f"{path} is empty: its first line must name the columns, `file_name` among them.")
    header = [name.strip() for name in rows[0][1]]
    _check_header(path, header)
    ragged = [number for number, cells in rows[1:] if any(cell.strip() for cell in cells[len(header) :])]
    if ragged:
        shown = ", ".join(map(str, ragged[:_SHOWN_FAULTS]))
        raise SourceError(f"{path} has rows with more cells than its header has columns: row {shown}.")
    for number, cells in rows[1:]:
        padded = [*cells, *[""] * (len(header) - len(cells))]
        record = {name: cell for name, cell in zip(header, padded, strict=False) if name}
        yield number, {**record, "file_name": record["file_name"].strip()}


def _rows(path: Path) -> list[tuple[int, list[str]]]:
    """The table's rows that hold anything, with commas between cells, or whatever else its header has."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise SourceError(f"{path} is not in UTF-8: save it as 'CSV UTF-8'.") from error
    separator = cell_separator(text)
    try:
        rows = list(enumerate(csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True), start=1))
    except csv.Error as error:
        raise SourceError(f"{path} is not valid CSV: {error}.") from error
    return [(number, cells) for number, cells in rows if any(cell.strip() for cell in cells)]


def cell_separator(text: str) -> str:
    """What parts the cells of a table's first line: a comma, or what spreadsheets put in its place."""
    header = text.lstrip("\r\n").partition("\n")[0]
    return max((",", ";", "\t"), key=header.count)


def _check_header(path: Path, names: Sequence[str]) -> None:
    if "file_name" not in names:
        found = ", ".join(repr(name) for name in names)
        raise SourceError(f"{path} lacks the column 'file_name'{suggestion('file_name', names)}; it has {found}.")
    repeated = next((name for name in names if name and names.count(name) > 1), None)
    if repeated is not None:
        raise SourceError(f"{path} has the column {repeated!r} twice.")


def _faults_message(root: Path, faults: Sequence[str]) -> str:
    counted = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
    more = [f"  … and {len(faults) - _SHOWN_FAULTS} more"] if len(faults) > _SHOWN_FAULTS else []
    lines = [f"  {fault}" for fault in faults[:_SHOWN_FAULTS]]
    return "\n".join([f"The metadata in {root} has {counted}; nothing was started:", *lines, *more])
