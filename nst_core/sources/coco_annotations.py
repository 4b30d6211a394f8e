"""COCO's annotation files as a table: images, their annotations' ids and places in the file, and their categories.

`instances_train2017.json` has 450 MB. It is read as a stream, and only what places an entry is kept; the table is
cached as Parquet, which opens in a second. Who needs a whole entry reads it again at its place.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from array import array
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from nst_core.errors import DiskFull, SourceError
from nst_core.sources.coco_entries import (
    NO_ID,
    Codes,
    EntryFault,
    EntryFaults,
    FaultGroup,
    Identifier,
    annotation_entry,
    category_entry,
    identifier,
    image_entry,
    license_entry,
)
from nst_core.sources.coco_files import check_kind, other_form
from nst_core.sources.json_stream import StreamedValue, stream_values
from nst_core.sources.licenses import license_id
from nst_core.storage.atomic import atomic_path
from nst_core.storage.machine import cache_folder
from nst_core.storage.regular_files import check_regular, open_regular

_VERSION = "2"
_CACHED_FROM = 4 << 20  # bytes; smaller files are read as fast as the cache
_MOST_LEFT_OUT = 100_000

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class LeftOutEntry:
    """An image of the file that cannot be used: `images[number]`."""

    number: int
    reason: str


@dataclass(frozen=True)
class Annotations:
    """The content of an annotation file, as far as it is used.

    Attributes:
        table: one row per image, sorted by id: `id, number, file_name, width, height, license, coco_url, flickr_url,
            start, end, annotation_ids, annotation_starts, annotation_ends, category_ids`; the last four are lists,
            annotations by id, categories by the area of the largest object of each, largest first. `number` is the
            place in the file's list. Ids are codes (`codes`), licences too, NO_ID where the file gives none; starts
            and ends are places in the file, in bytes. A size that is missing or wrong is 0 × 0.
        licenses: SPDX-like names by code.
        categories: names by code; empty in files of captions.
        sections: places of the other values at the top, by key; of licences and categories, without brackets.
        faults: of entries that are left out.
        left_out: the images among them.
        lists: the keys that hold lists of entries.
        panoptic: whether annotations are segments in image files.
    """

    path: Path
    table: pa.Table
    codes: Codes
    licenses: Mapping[int, str | None]
    categories: Mapping[int, str]
    sections: Mapping[str, tuple[int, int]]
    faults: tuple[FaultGroup, ...]
    left_out: tuple[LeftOutEntry, ...]
    lists: frozenset[str]
    panoptic: bool


def read_annotations(path: Path, remedy: str = "correct it, or give another") -> Annotations:
    """Read an annotation file: of instances, keypoints, captions, stuff, or a bare list of images.

    Args:
        remedy: what the user may do about a file that cannot be used.

    Raises:
        SourceError: the file cannot be read, is damaged, or is of another kind.
    """
    try:
        status = path.stat()
        if status.st_size < _CACHED_FROM:
            return _parse(path, remedy)
        key = f"{_VERSION}\0{path.resolve()}\0{status.st_size}\0{status.st_mtime_ns}"
        name = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
        cached = cache_folder() / "coco" / f"{name}.parquet"
        return _from_cache(path, cached) or _into_cache(cached, _parse(path, remedy))
    except OSError as error:
        raise SourceError(f"The annotation file {path} cannot be read: {error.strerror}.") from error


@dataclass
class _Columns:
    """The columns gathered while the file is read; annotations as plain numbers, since there are many."""

    codes: Codes = field(default_factory=Codes)
    faults: EntryFaults = field(default_factory=EntryFaults)
    images: dict[int, tuple[int, str, int, int, int, str | None, str | None, int, int]] = field(default_factory=dict)
    names: dict[str, int] = field(default_factory=dict)
    left_out: list[LeftOutEntry] = field(default_factory=list)
    licenses: dict[int, str | None] = field(default_factory=dict)
    categories: dict[int, str] = field(default_factory=dict)
    sections: dict[str, tuple[int, int]] = field(default_factory=dict)
    panoptic: bool = False
    annotation_ids: array[int] = field(default_factory=lambda: array("q"))
    image_ids: array[int] = field(default_factory=lambda: array("q"))
    category_ids: array[int] = field(default_factory=lambda: array("q"))
    areas: array[float] = field(default_factory=lambda: array("d"))
    starts: array[int] = field(default_factory=lambda: array("q"))
    ends: array[int] = field(default_factory=lambda: array("q"))

    def take_image(self, streamed: StreamedValue) -> None:
        try:
            self._take_image(streamed)
        except EntryFault as fault:
            if len(self.left_out) < _MOST_LEFT_OUT:
                self.left_out.append(LeftOutEntry(streamed.number or 0, f"is an entry {fault}"))
            raise

    def _take_image(self, streamed: StreamedValue) -> None:
        found = image_entry(streamed.value)
        code = self.codes.code(found.id)
        earlier = self.images.get(code)
        if earlier is not None and earlier[1] == found.file_name:
            return  # the same once more
        if earlier is not None:
            raise EntryFault(f"with the id of another image (images[{earlier[0]}])", found.id)
        if found.file_name in self.names:
            first = self.images[self.names[found.file_name]][0]
            raise EntryFault(f"with the file_name of another image (images[{first}])", found.file_name)
        if not found.width:
            size = streamed.value.get("width"), streamed.value.get("height")
            self.faults.add("sizes", f"images[{streamed.number}]", EntryFault(_SIZE_FAULT, size))
        license = self.codes.code(found.license)
        if isinstance(found.license, str):
            self.licenses.setdefault(license, license_id(None, found.license))
        self.names[found.file_name] = code
        number = streamed.number or 0
        self.images[code] = (
            number, found.file_name, found.width, found.height, license, found.coco_url, found.flickr_url,
            streamed.start, streamed.end,
        )  # fmt: skip

    def take_license(self, streamed: StreamedValue) -> None:
        number, name = license_entry(streamed.value)
        self.licenses[self.codes.code(number)] = name

    def take_category(self, streamed: StreamedValue) -> None:
        number, name = category_entry(streamed.value)
        self.categories[self.codes.code(number)] = name

    def take_annotation(self, streamed: StreamedValue) -> None:
        found = annotation_entry(streamed.value)
        self.panoptic = self.panoptic or "segments_info" in streamed.value
        self.annotation_ids.append(self.codes.code(found.id))
        self.image_ids.append(self.codes.code(found.image_id))
        self.category_ids.append(self.codes.code(found.category_id))
        self.areas.append(found.area or 0.0)
        self.starts.append(streamed.start)
        self.ends.append(streamed.end)


_SIZE_FAULT = "not in whole pixels from 1 on"
_TAKERS = {
    "images": _Columns.take_image,
    "licenses": _Columns.take_license,
    "categories": _Columns.take_category,
    "annotations": _Columns.take_annotation,
}


def _parse(path: Path, remedy: str) -> Annotations:
    check_kind(path)
    columns, others = _Columns(), set[str]()
    lists: set[str] = set()
    try:
        with open_regular(path) as file:
            for streamed in stream_values(file, _TAKERS):
                if streamed.start == streamed.end:
                    lists.add(streamed.section)
                elif streamed.number is None:
                    columns.sections[streamed.section] = streamed.start, streamed.end
                    others.add(streamed.section)
                else:
                    _take(columns, streamed)
    except OSError as error:
        raise SourceError(f"The annotation file {path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise SourceError(f"The annotation file {path} is not in UTF-8: save it as UTF-8.") from error
    except (ValueError, RecursionError) as error:
        raise SourceError(f"The annotation file {path} is damaged or not JSON ({error}): {remedy}.") from error
    if "images" not in lists:
        raise SourceError(f"{path} is no COCO annotation file: {other_form(lists | others)}.")
    return Annotations(
        path, _table(columns), columns.codes, columns.licenses, columns.categories, columns.sections,
        columns.faults.groups(), tuple(columns.left_out), frozenset(lists), columns.panoptic,
    )  # fmt: skip


def _take(columns: _Columns, streamed: StreamedValue) -> None:
    if streamed.section in ("licenses", "categories"):
        start = columns.sections.get(streamed.section, (streamed.start, 0))[0]
        columns.sections[streamed.section] = start, streamed.end
    try:
        _TAKERS[streamed.section](columns, streamed)
    except EntryFault as fault:
        columns.faults.add(streamed.section, _place(streamed), fault)


def _place(streamed: StreamedValue) -> str:
    """`annotations[3] (id 17)`."""
    number: Identifier | None = identifier(streamed.value.get("id")) if isinstance(streamed.value, dict) else None
    return f"{streamed.section}[{streamed.number}]" + (f" (id {number})" if number is not None else "")


def _table(columns: _Columns) -> pa.Table:
    ids = sorted(columns.images)
    rows = [columns.images[number] for number in ids]
    values = list(zip(*rows, strict=True)) if rows else [()] * 9
    names = ("number", "file_name", "width", "height", "license", "coco_url", "flickr_url", "start", "end")
    kinds = {"file_name": pa.string(), "coco_url": pa.string(), "flickr_url": pa.string()}
    arrays = {name: pa.array(column, kinds.get(name, pa.int64())) for name, column in zip(names, values, strict=True)}
    return pa.table({"id": pa.array(ids, pa.int64()), **arrays, **_group(np.array(ids, np.int64), columns)})


def _group(ids: Integers, columns: _Columns) -> dict[str, pa.ListArray]:
    """Per image: annotations by id, and its categories by the area of the largest object of each."""
    images = np.array(columns.image_ids, np.int64)
    known = np.isin(images, ids)  # reduced files may annotate images that they no longer list
    rows = np.searchsorted(ids, images[known])
    annotations, categories, starts, ends = (
        np.array(column, np.int64)[known]
        for column in (columns.annotation_ids, columns.category_ids, columns.starts, columns.ends)
    )
    areas = np.array(columns.areas, np.float64)[known]
    by_id = np.lexsort((starts, annotations, rows))
    by_area = np.lexsort((categories, -areas, rows))
    by_area = by_area[categories[by_area] != NO_ID]
    pairs = np.stack([rows[by_area], categories[by_area]], axis=1)
    first = np.sort(np.unique(pairs, axis=0, return_index=True)[1])
    lists = {"annotation_ids": annotations, "annotation_starts": starts, "annotation_ends": ends}
    return {name: _lists(rows[by_id], values[by_id], len(ids)) for name, values in lists.items()} | {
        "category_ids": _lists(rows[by_area][first], categories[by_area][first], len(ids))
    }


def _lists(rows: Integers, values: Integers, count: int) -> pa.ListArray:
    """Values sorted by their row as one list per row."""
    offsets = np.searchsorted(rows, np.arange(count + 1))
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), pa.array(values, pa.int64()))


def flat_lists(table: pa.Table, name: str) -> tuple[Integers, Integers]:
    """A column of lists as (rows + 1,) offsets and the values one after another."""
    lists = table[name].combine_chunks()
    offsets = lists.offsets.to_numpy().astype(np.int64)
    return offsets - offsets[:1], lists.flatten().to_numpy()


def _from_cache(path: Path, cached: Path) -> Annotations | None:
    try:
        check_regular(cached)
        table = pq.read_table(cached)
        told = json.loads(table.schema.metadata[b"nst"])
        return Annotations(
            path,
            table,
            Codes.of(told["codes"]),
            {int(key): value for key, value in told["licenses"].items()},
            {int(key): value for key, value in told["categories"].items()},
            {key: (place[0], place[1]) for key, place in told["sections"].items()},
            tuple(FaultGroup(**{**group, "examples": tuple(group["examples"])}) for group in told["faults"]),
            tuple(LeftOutEntry(**entry) for entry in told["left_out"]),
            frozenset(told["lists"]),
            bool(told["panoptic"]),
        )
    except (OSError, pa.ArrowException, KeyError, TypeError, ValueError):
        return None  # not there yet, or damaged


def _into_cache(cached: Path, annotations: Annotations) -> Annotations:
    told = {
        "codes": annotations.codes.texts,
        "licenses": annotations.licenses,
        "categories": annotations.categories,
        "sections": annotations.sections,
        "faults": [asdict(group) for group in annotations.faults],
        "left_out": [asdict(entry) for entry in annotations.left_out],
        "lists": sorted(annotations.lists),
        "panoptic": annotations.panoptic,
    }
    table = annotations.table.replace_schema_metadata({"nst": json.dumps(told)})
    with contextlib.suppress(OSError, DiskFull), atomic_path(cached) as temporary:  # only a cache
        pq.write_table(table, temporary, compression="zstd")
    return annotations
