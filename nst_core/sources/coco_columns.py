"""The columns of an annotation file's table: gathered entry by entry while the file is streamed."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from nst_core.sources.coco_entries import (
    NO_ID,
    Codes,
    EntryFault,
    EntryFaults,
    annotation_entry,
    category_entry,
    image_entry,
    license_entry,
)
from nst_core.sources.json_stream import StreamedValue
from nst_core.sources.licenses import license_id

MOST_LEFT_OUT = 100_000
"""Images whose faults are remembered one by one."""

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class LeftOutEntry:
    """An image of the file that cannot be used: `images[number]`."""

    number: int
    reason: str


@dataclass
class AnnotationColumns:
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
            if len(self.left_out) < MOST_LEFT_OUT:
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
TAKERS = {
    "images": AnnotationColumns.take_image,
    "licenses": AnnotationColumns.take_license,
    "categories": AnnotationColumns.take_category,
    "annotations": AnnotationColumns.take_annotation,
}


def annotation_table(columns: AnnotationColumns) -> pa.Table:
    """The table of `Annotations`."""
    ids = sorted(columns.images)
    rows = [columns.images[number] for number in ids]
    values = list(zip(*rows, strict=True)) if rows else [()] * 9
    names = ("number", "file_name", "width", "height", "license", "coco_url", "flickr_url", "start", "end")
    kinds = {"file_name": pa.string(), "coco_url": pa.string(), "flickr_url": pa.string()}
    arrays = {name: pa.array(column, kinds.get(name, pa.int64())) for name, column in zip(names, values, strict=True)}
    return pa.table({"id": pa.array(ids, pa.int64()), **arrays, **_group(np.array(ids, np.int64), columns)})


def _group(ids: Integers, columns: AnnotationColumns) -> dict[str, pa.ListArray]:
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
