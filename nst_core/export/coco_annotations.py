"""The annotations of the photographs that an export is made of, from one annotation file or several.

`sources.coco_annotations` reads the files: what is in memory is where each entry lies, and entries are read from there.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pyarrow.compute as pc

from nst_core.errors import InputError, SourceError
from nst_core.export.coco_header import MergedHeader
from nst_core.export.coco_scaling import checked_annotation
from nst_core.export.rows import ExportRow
from nst_core.sources.coco_annotations import Annotations, flat_lists, read_annotations
from nst_core.sources.coco_entries import EntryFault, EntryFaults, FaultGroup, Identifier, identifier
from nst_core.sources.coco_entry_reader import EntryReader
from nst_core.storage.names import name_key
from nst_core.storage.regular_files import file_sha256

IMAGE_ID = "x_coco_image_id"
"""The column with an image's id from the source `coco`."""

_SPLIT = re.compile(r".+_(?P<split>[a-z]+)(?P<year>\d{4})?")


@dataclass(frozen=True)
class AnnotatedImage:
    """An image of an annotation file; `source_url` and `license` as the file gives them, width and height in pixels.

    `file` and `row`: its place in the files and in the file's table.
    """

    file: int
    row: int
    id: Identifier
    file_name: str
    width: int
    height: int
    license: str | None
    source_url: str | None


class SourceAnnotations:
    """Annotation files, and where they have the photographs of a run.

    Attributes:
        header: everything but images and annotations: info, licences, categories, of several files in one.
        sha256: of the files.
    """

    def __init__(self, paths: Iterable[Path]) -> None:
        """Raises SourceError: a file cannot be read, is damaged, or is no annotation file that we can scale."""
        self._files = [_File(number, path) for number, path in enumerate(paths)]
        self.name = " and ".join(file.path.name for file in self._files)
        digests = [file.sha256 for file in self._files]
        self.sha256 = digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()
        self._merged = MergedHeader([file.sections() for file in self._files])
        self.header = self._merged.header
        self._bad: set[tuple[int, int]] = set()
        self._checked: set[tuple[int, int]] = set()
        self._faults = EntryFaults()

    @property
    def path(self) -> Path:
        """The first file."""
        return self._files[0].path

    def photograph(self, row: ExportRow) -> AnnotatedImage:
        """The photograph that a row's image was made from: by the id from the source, else by its file name.

        Raises:
            InputError: none of the files has it, or several, or it has no size there.
        """
        candidates = [(file, place) for file in self._files if (place := file.find(row)) is not None]
        if len(candidates) > 1:
            hinted = [(file, place) for file, place in candidates if file.fits(row)]
            candidates = hinted if len(hinted) == 1 else candidates
        if not candidates:
            raise InputError(row.file_name, f"its photograph is not in {self.name}")
        if len(candidates) > 1:
            raise InputError(row.file_name, f"its photograph may be either in {self.name}")
        file, place = candidates[0]
        found = file.image(place)
        if not found.width:
            raise InputError(row.file_name, f"{file.path.name} gives no usable width and height of its photograph")
        return found

    def check(self, photograph: AnnotatedImage) -> None:
        """Find the annotations of a photograph that cannot be exported: `faults` has them, `annotations` does not."""
        key = photograph.file, photograph.row
        if key in self._checked:
            return
        self._checked.add(key)
        file = self._files[photograph.file]
        for start, annotation in file.annotations(photograph.row):
            try:
                checked_annotation(annotation, (photograph.width, photograph.height))
                self._merged.check_category(photograph.file, annotation)
            except EntryFault as fault:
                self._bad.add((photograph.file, start))
                number = identifier(annotation.get("id"))
                place = f"id {number}" if number is not None else f"of image {photograph.id}"
                self._faults.add("annotations", place, fault)

    def faults(self) -> tuple[FaultGroup, ...]:
        """The entries that are left out: those that no reader can use, and annotations that `check` found."""
        read = (group for file in self._files for group in file.annotations_read.faults)
        return (*(group for group in read if group.section != "sizes"), *self._faults.groups())

    def entry(self, photograph: AnnotatedImage) -> dict[str, Any]:
        """The whole entry of a photograph."""
        return self._merged.image(photograph.file, self._files[photograph.file].entry(photograph.row))

    def annotations(self, photograph: AnnotatedImage) -> Iterator[dict[str, Any]]:
        """The annotations of a photograph that can be exported, in the order of the file."""
        for start, annotation in self._files[photograph.file].annotations(photograph.row):
            if (photograph.file, start) not in self._bad:
                yield self._merged.annotation(photograph.file, annotation)

    def file_names(self) -> list[str]:
        """The file names of the first few images."""
        names: list[str] = self._files[0].annotations_read.table["file_name"][:3].to_pylist()
        return names


class _File:
    """One annotation file."""

    def __init__(self, number: int, path: Path) -> None:
        self.number = number
        self.path = path
        self.annotations_read: Annotations = read_annotations(path)
        if self.annotations_read.panoptic:
            raise SourceError(f"{path} holds panoptic segments, whose masks are image files: use instances_*.json.")
        table = self.annotations_read.table
        if not len(table):
            reasons = "; ".join(map(str, self.annotations_read.faults))
            raise SourceError(f"The annotation file {path} lists no images" + (f": {reasons}." if reasons else "."))
        self.sha256 = file_sha256(path)
        self._codes: np.ndarray[Any, np.dtype[np.int64]] = table["id"].to_numpy()
        self._values = {name: table[name].to_numpy() for name in ("width", "height", "license", "start", "end")}
        self._urls = pc.coalesce(table["flickr_url"], table["coco_url"])
        self._names = names = table["file_name"].to_pylist()
        self._rows = {name: row for row, name in enumerate(names)}
        self._plain = _unambiguous(names, lambda name: PurePosixPath(name).name)
        self._folded = _unambiguous(names, _folded)
        self._offsets, self._starts = flat_lists(table, "annotation_starts")
        self._ends = flat_lists(table, "annotation_ends")[1]
        self._read = EntryReader(path)
        match = _SPLIT.fullmatch(path.stem)
        self._hints = {path.stem} | ({match["split"], match["split"] + (match["year"] or "")} if match else set())

    def find(self, row: ExportRow) -> int | None:
        """The table's row of a photograph."""
        told = identifier(str(row.columns.get(IMAGE_ID) or ""))
        if told is not None:
            code = self.annotations_read.codes.find(told)
            place = 0 if code is None else int(np.searchsorted(self._codes, code))
            return place if code is not None and place < len(self._codes) and self._codes[place] == code else None
        path = row.content_path or str(row.columns["content_id"])
        parts = PurePosixPath(path).parts
        paths = ("/".join(parts[start:]) for start in range(len(parts)))
        found = next((self._rows[path] for path in paths if path in self._rows), None)
        if found is None and parts:
            found = self._plain.get(parts[-1])
        return self._folded.get(_folded(path)) if found is None else found

    def fits(self, row: ExportRow) -> bool:
        """Whether a row seems to be of this file's part: by its split, or the folders of its photograph."""
        return row.split in self._hints or not self._hints.isdisjoint(PurePosixPath(row.content_path).parts)

    def image(self, row: int) -> AnnotatedImage:
        read, values = self.annotations_read, self._values
        number = read.codes.value(int(self._codes[row]))
        assert number is not None  # rows have ids
        return AnnotatedImage(
            self.number, row, number, self._names[row], int(values["width"][row]), int(values["height"][row]),
            read.licenses.get(int(values["license"][row])), self._urls[row].as_py(),
        )  # fmt: skip

    def entry(self, row: int) -> dict[str, Any]:
        return self._mapping(self._read(int(self._values["start"][row]), int(self._values["end"][row])))

    def annotations(self, row: int) -> Iterator[tuple[int, dict[str, Any]]]:
        """The annotations of an image, each with its place, in the order of the file."""
        places = slice(int(self._offsets[row]), int(self._offsets[row + 1]))
        for start, end in sorted(zip(self._starts[places].tolist(), self._ends[places].tolist(), strict=True)):
            yield start, self._mapping(self._read(start, end))

    def sections(self) -> dict[str, Any]:
        """Info, licences, categories, and whatever else stands at the top."""
        return {
            key: self._read.entries(*place) if key in ("licenses", "categories") and self._is_list(key) else
            self._read(*place)
            for key, place in self.annotations_read.sections.items()
        }  # fmt: skip

    def _is_list(self, key: str) -> bool:
        return key in self.annotations_read.lists

    def _mapping(self, entry: Any) -> dict[str, Any]:
        if not isinstance(entry, dict):
            raise self._read.changed()
        return entry


def _unambiguous(names: Iterable[str], key: Any) -> dict[str, int]:
    """Rows by keys of their names, where only one has the key."""
    found: dict[str, int | None] = {}
    for row, name in enumerate(names):
        told = key(name)
        found[told] = None if told in found else row
    return {told: row for told, row in found.items() if row is not None}


def _folded(name: str) -> str:
    """A name without its folders, without what follows `?` in an address, and whatever the case."""
    return name_key(PurePosixPath(name).name.partition("?")[0])
