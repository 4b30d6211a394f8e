"""Exports as groups of pictures that belong together, original and stylized, as FiftyOne shows them side by side."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from nst_core.engine.images.suffixes import IMAGE_SUFFIXES
from nst_core.errors import UsageError
from nst_core.export.imagefolder import METADATA
from nst_core.export.shards import json_value
from nst_core.sources.walk import leads_outside

ORIGINAL, STYLIZED = "original", "stylized"
"""The slices of a group."""

_UNTOLD = {"file_name", "content_id", "width", "height"}
_OF_FIFTYONE = {"id", "filepath", "tags", "metadata", "media_type", "created_at", "last_modified_at", "group"}


@dataclass(frozen=True)
class PictureGroup:
    """A stylized picture and its photograph.

    Attributes:
        original: None where it was not found.
        columns: of the export, as JSON has them.
    """

    stylized: Path
    original: Path | None
    split: str
    columns: dict[str, Any]


def picture_groups(export: Path, contents: Path | None = None) -> Iterator[PictureGroup]:
    """The pictures of an imagefolder export with their photographs.

    Args:
        contents: the folder with the photographs, as the run's `content` named it; an export does not hold them. They
            are found by `content_id`, their path in it, or else by the name alone where it is the only such one.

    Raises:
        UsageError: it is no such export.
    """
    tables = sorted(export.glob(f"*/*/{METADATA}"))
    if not tables:
        raise UsageError(f"{export} is no export as imagefolder: there is no {METADATA} in it.")
    originals = _Photographs(contents)
    for table in tables:
        for row in pq.read_table(table).to_pylist():
            columns = {name: json_value(value) for name, value in row.items()}
            yield PictureGroup(
                table.parent / row["file_name"], originals.find(row["content_id"]), table.parent.parent.name, columns
            )


def grouped_samples(export: str | Path, contents: str | Path | None = None) -> Iterator[Any]:
    """Samples of FiftyOne for a dataset with the group field `group`: slices `original` and `stylized`.

    Labels and artists are classifications, splits are tags, the other columns fields. It needs the package `fiftyone`,
    but no database: that is the dataset's, which they are added to.

    Args:
        export, contents: as of `picture_groups`.
    """
    import fiftyone as fo

    for group in picture_groups(Path(export), None if contents is None else Path(contents)):
        together = fo.Group()
        told = {name: value for name, value in group.columns.items() if name not in _UNTOLD and value is not None}
        fields = {name: fo.Classification(label=told.pop(name)) for name in ("label", "artist") if name in told}
        slices = [(STYLIZED, group.stylized, fields | {_field(name): value for name, value in told.items()})]
        if group.original is not None:
            slices.append((ORIGINAL, group.original, {name: fields[name] for name in ("label",) if name in fields}))
        for name, path, values in slices:
            yield fo.Sample(
                filepath=str(path.resolve()),
                group=together.element(name),
                tags=[group.split],
                content_id=group.columns["content_id"],
                **values,
            )


def _field(name: str) -> str:
    """A column's name as FiftyOne takes it: letters, digits and `_`, and none of its own."""
    plain = "".join(character if character.isalnum() and character.isascii() else "_" for character in name)
    return f"row_{plain}" if plain in _OF_FIFTYONE else plain


class _Photographs:
    """The photographs of a folder, by their ids."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._by_stem: dict[str, Path | None] | None = None

    def find(self, content_id: str) -> Path | None:
        if self._folder is None:
            return None
        if not leads_outside(content_id) and (self._folder / content_id).is_file():
            return self._folder / content_id
        return self._stems().get(_stem(content_id))

    def _stems(self) -> dict[str, Path | None]:
        if self._by_stem is None:
            self._by_stem = {}
            for path in sorted(self._folder.rglob("*")) if self._folder else ():
                if path.suffix.lower() in IMAGE_SUFFIXES:
                    stem = _stem(path.name)
                    self._by_stem[stem] = None if stem in self._by_stem else path
        return self._by_stem


def _stem(name: str) -> str:
    last = name.rpartition("/")[2]
    stem, _, suffix = last.rpartition(".")
    return stem if f".{suffix.lower()}" in IMAGE_SUFFIXES else last
