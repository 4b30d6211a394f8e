"""`metadata.csv` of a folder of images, in the format of Hugging Face's imagefolder: a row of columns per file."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nst_core.errors import SourceError, suggestion
from nst_core.sources.base import source_id
from nst_core.sources.csv_table import csv_record, csv_rows
from nst_core.sources.licenses import license_id
from nst_core.sources.walk import leads_outside
from nst_core.sources.wording import fault_list, short_list
from nst_core.storage.regular_files import read_regular

METADATA_FILE = "metadata.csv"
_COLUMNS = ("label", "split", "artist", "genre", "nationality", "license", "source_url")


@dataclass(frozen=True, slots=True)
class MetadataRow:
    """The cells of one file's row, None where empty; extras are the other columns, unchanged."""

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
        """The painter's years from the column `years`, which remains an extra, since contents may have one, too."""
        return dict(self.extras).get("years", "").strip() or None


def read_metadata(root: Path, splits: Iterable[str] = ()) -> dict[str, MetadataRow] | None:
    """The rows of `metadata.csv` in `root` and in the folders of its splits, by source id; None where there is none.

    The column `file_name` is relative to the folder of the table.

    Raises:
        SourceError: a table cannot be read or lacks `file_name`, or rows are wrong: the message lists them all.
    """
    places = [(prefix, root / prefix / METADATA_FILE) for prefix in ("", *splits)]
    tables = [(prefix, path) for prefix, path in places if path.is_file()]
    if not tables:
        return None
    rows: dict[str, MetadataRow] = {}
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
                rows[identity] = _row(record)
    if faults:
        raise SourceError(fault_list(f"The metadata in {root}", faults))
    return rows


def _row(record: Mapping[str, str]) -> MetadataRow:
    cells = {name: record.get(name, "").strip() or None for name in _COLUMNS}
    cells["license"] = license_id(None, cells["license"])
    extras = ((name, value) for name, value in record.items() if name not in _COLUMNS and name != "file_name")
    return MetadataRow(**cells, extras=tuple(extras))


def _identity(folder: str, name: str) -> str:
    return source_id(posixpath.normpath(posixpath.join(folder, name.replace("\\", "/"))))


def _name_fault(name: str) -> str | None:
    if not name:
        return "is empty"
    return "leads outside the folder" if leads_outside(name) else None


def _records(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows by column, each with its number in a spreadsheet."""
    rows = csv_rows(path, _read(path))
    if not rows:
        raise SourceError(f"{path} is empty: its first line must name the columns, `file_name` among them.")
    header = [name.strip() for name in rows[0][1]]
    _check_header(path, header)
    ragged = [str(number) for number, cells in rows[1:] if any(cell.strip() for cell in cells[len(header) :])]
    if ragged:
        raise SourceError(
            f"{path} has rows with more cells than its header has columns: row {short_list(ragged, most=50)}."
        )
    for number, cells in rows[1:]:
        record = {name: cell for name, cell in csv_record(header, cells).items() if name}
        yield number, {**record, "file_name": record["file_name"].strip()}


def _read(path: Path) -> str:
    try:
        return read_regular(path).decode("utf-8-sig")
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise SourceError(f"{path} is not in UTF-8: save it as 'CSV UTF-8'.") from error


def _check_header(path: Path, names: Sequence[str]) -> None:
    if "file_name" not in names:
        found = ", ".join(repr(name) for name in names)
        raise SourceError(f"{path} lacks the column 'file_name'{suggestion('file_name', names)}; it has {found}.")
    repeated = next((name for name in names if name and names.count(name) > 1), None)
    if repeated is not None:
        raise SourceError(f"{path} has the column {repeated!r} twice.")
