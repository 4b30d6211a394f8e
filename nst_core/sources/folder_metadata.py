"""Metadata of a folder of images, in the forms of Hugging Face's imagefolder: a row of columns per file."""

from __future__ import annotations

import posixpath
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from pathlib import Path

from nst_core.errors import SourceError, suggestion
from nst_core.sources.base import path_text, source_id
from nst_core.sources.file_kinds import is_image_name
from nst_core.sources.metadata_columns import FILE_NAME, MetadataColumns, MetadataRow
from nst_core.sources.metadata_table import METADATA_FILES, one_by_folder, read_metadata_table
from nst_core.sources.walk import leads_outside
from nst_core.sources.wording import fault_list, quantity, short_list

_LONGEST_NAME = 200


@dataclass(frozen=True)
class FolderMetadata:
    """The rows that speak of images, by the images' source ids, and notes on whatever of the tables is not used."""

    rows: Mapping[str, MetadataRow]
    notes: tuple[str, ...] = ()


def read_folder_metadata(
    root: Path, tables: Iterable[str], images: Iterable[str], is_excluded: Callable[[str], bool] = lambda name: False
) -> FolderMetadata:
    """The rows of all tables in `root` and its folders; of several that name a file, the nearest above it counts.

    The column `file_name` is relative to the folder of the table. Where no file has that name, one that differs in case
    only, or in the lack of a suffix, is taken for it.

    Args:
        tables: relative paths of the files `metadata.*`.
        images: source ids.
        is_excluded: whether an id is left out by the run file, so that its row need not be told of.

    Raises:
        SourceError: a table cannot be read or lacks `file_name`, or rows are wrong: the message lists them all.
    """
    ids = frozenset(images)
    notes, read, faults = [], [], []
    for path, instead in one_by_folder(tables):
        if instead is None:
            table = _NamedRows.read(root, path)
            read.append(table)
            faults += table.faults
        else:
            why = f"{path_text(instead)} is read in its place" if instead else f"read are {', '.join(METADATA_FILES)}"
            notes.append(f"Left out: {path_text(path)}; {why}.")
    if faults:
        raise SourceError(fault_list(f"The metadata in {root}", faults))
    rows: dict[str, MetadataRow] = {}
    lost: list[str] = []
    respelled: list[str] = []
    farther: dict[str, list[str]] = {}
    for table in sorted(read, key=lambda table: (-table.folder.count("/") - bool(table.folder), table.folder)):
        found = _Resolver(ids, table)
        for identity, row in table.rows.items():
            image = found.image(identity)
            if image is None:
                lost += [] if is_excluded(identity) else [identity]
            elif image in rows:
                farther.setdefault(table.name, []).append(identity)
            else:
                rows[image] = row
                respelled += [f"{identity} → {image}"] if image != identity else []
        notes += table.notes()
    notes += _row_notes(ids, rows, lost, respelled, farther, [table.name for table in read])
    return FolderMetadata(rows, tuple(notes))


def _row_notes(
    ids: Set[str],
    rows: Mapping[str, MetadataRow],
    lost: list[str],
    respelled: list[str],
    farther: Mapping[str, list[str]],
    tables: list[str],
) -> Iterator[str]:
    where = tables[0] if len(tables) == 1 else f"{len(tables)} tables of metadata"
    if respelled:
        yield f"Spelled otherwise in {where} than on the disk: {short_list(sorted(respelled))}."
    for name, names in farther.items():
        yield (
            f"Left out: {quantity(len(names), 'row')} of {name}, since tables in nearer folders name the same files: "
            f"{short_list(sorted(names))}."
        )
    if lost:
        yield f"No file for {quantity(len(lost), 'row')} of {where}: {short_list(sorted(lost))}."
    if tables and (rowless := sorted(ids - rows.keys())):
        yield f"No row in {where} for {quantity(len(rowless), 'image')}: {short_list(rowless)}."


@dataclass
class _NamedRows:
    """The rows of one table by the source ids that they name, and what is wrong with others."""

    name: str
    folder: str
    rows: dict[str, MetadataRow]
    faults: list[str]
    notes: Callable[[], list[str]]

    @classmethod
    def read(cls, root: Path, path: str) -> _NamedRows:
        name = path_text(path)
        folder = source_id(path.rpartition("/")[0])
        table = read_metadata_table(root / path, name)
        columns = MetadataColumns(table.columns, folder, name)
        if not columns.has_file_name:
            found = ", ".join(repr(column) for column in table.columns)
            hint = suggestion(FILE_NAME, table.columns)
            raise SourceError(
                f"{root / path} lacks the column 'file_name'{hint}; it has {found}. A table that is no metadata of the "
                "images can be left out with the source's key `exclude`."
            )
        rows: dict[str, MetadataRow] = {}
        first: dict[str, int] = {}
        faults = list(table.faults)
        for number, record in table.rows:
            file_name = columns.file_name(record)
            reason = _name_fault(file_name)
            identity = "" if reason else _identity(folder, file_name)
            if identity in first:
                reason = f"is the same file as in row {first[identity]} of {name}"
            if reason:
                faults.append(f"row {number} of {name}: file_name {_shown(file_name)} {reason}")
            else:
                first[identity] = number
                rows[identity] = columns.row(record)
        return cls(name, folder, rows, faults, lambda: [*table.notes, *columns.notes()])


class _Resolver:
    """The images that the rows of a table mean, whose names may be spelled otherwise, or lack a suffix."""

    def __init__(self, ids: Set[str], table: _NamedRows) -> None:
        self._ids = ids
        rows, below = table.rows, f"{table.folder}/" if table.folder else ""
        unnamed = [one for one in ids - rows.keys() if one.startswith(below)] if rows.keys() - ids else []
        self._by_spelling = _unique((_fold(identity), identity) for identity in unnamed)
        self._by_stem = _unique((_fold(posixpath.splitext(identity)[0]), identity) for identity in unnamed)
        self._meant = _repeated(map(_fold, rows))

    def image(self, identity: str) -> str | None:
        """The id of the image that a row means; None where there is none, or where that is not certain."""
        if identity in self._ids:
            return identity
        key = _fold(identity)
        if key in self._meant:
            return None
        return self._by_spelling.get(key) or (None if is_image_name(identity) else self._by_stem.get(key))


def _unique(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Values by keys that occur once."""
    found: dict[str, list[str]] = {}
    for key, value in pairs:
        found.setdefault(key, []).append(value)
    return {key: values[0] for key, values in found.items() if len(values) == 1}


def _repeated(keys: Iterable[str]) -> set[str]:
    seen: set[str] = set()
    repeated: set[str] = set()
    for key in keys:
        (repeated if key in seen else seen).add(key)
    return repeated


def _fold(identity: str) -> str:
    return " ".join(unicodedata.normalize("NFC", identity).casefold().split())


def _identity(folder: str, name: str) -> str:
    return source_id(posixpath.normpath(posixpath.join(folder, name.replace("\\", "/"))))


def _name_fault(name: str) -> str | None:
    if not name:
        return "is empty"
    return "leads outside the folder" if leads_outside(name) else None


def _shown(name: str) -> str:
    return repr(name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}…")
