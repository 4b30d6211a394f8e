"""COCO's annotation files as a table: images, the ids of their annotations, and their categories.

`instances_train2017.json` is 450 MB and takes half a minute and a gigabyte to read; the table of it is small, and is
cached as Parquet, which opens in a fraction of a second.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from array import array
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from nst_core.errors import DiskFull, SourceError
from nst_core.sources.base import source_id
from nst_core.sources.json_stream import stream_entries
from nst_core.sources.licenses import license_id
from nst_core.sources.walk import leads_outside
from nst_core.sources.wording import short_list
from nst_core.storage.atomic import atomic_path
from nst_core.storage.machine import cache_folder
from nst_core.storage.regular_files import check_regular, read_regular

_VERSION = "1"
_CACHED_FROM = 4 << 20  # bytes; smaller files are read as fast as the cache
_NO_LICENSE = -1

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Annotations:
    """The content of an annotation file, as far as it is used.

    Attributes:
        table: one row per image, sorted by id: `id, file_name, width, height, license, coco_url, flickr_url,
            annotation_ids (list), category_ids (list)`; annotations by id, categories by the area of the largest
            object of each, largest first. `license` is -1 where the file gives none.
        licenses: SPDX-like names by COCO's ids.
        categories: names by COCO's ids; empty in files of captions.
    """

    table: pa.Table
    licenses: Mapping[int, str | None]
    categories: Mapping[int, str]


def read_annotations(path: Path) -> Annotations:
    """Read `instances_*.json`, `person_keypoints_*.json`, `captions_*.json` or `image_info_*.json`.

    Raises:
        SourceError: the file cannot be read, is damaged or no annotation file, or names files outside its folder.
    """
    try:
        status = path.stat()
    except OSError as error:
        raise SourceError(f"The annotation file {path} cannot be read: {error.strerror}.") from error
    if status.st_size < _CACHED_FROM:
        return _parse(path)
    key = f"{_VERSION}\0{path.resolve()}\0{status.st_size}\0{status.st_mtime_ns}"
    name = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
    cached = cache_folder() / "coco" / f"{name}.parquet"
    return _from_cache(cached) or _into_cache(cached, _parse(path))


@dataclass
class _AnnotationColumns:
    """The columns gathered while the file is read; annotations as plain numbers, since there are many."""

    images: dict[int, tuple[str, int, int, int, str | None, str | None]] = field(default_factory=dict)
    licenses: dict[int, str | None] = field(default_factory=dict)
    categories: dict[int, str] = field(default_factory=dict)
    annotation_ids: array[int] = field(default_factory=lambda: array("q"))
    image_ids: array[int] = field(default_factory=lambda: array("q"))
    category_ids: array[int] = field(default_factory=lambda: array("q"))
    areas: array[float] = field(default_factory=lambda: array("d"))

    def take_image(self, entry: Mapping[str, Any]) -> None:
        number = _whole(entry["id"])
        if number in self.images:
            raise ValueError(f"the id {number} is there twice")
        license = entry.get("license")
        self.images[number] = (
            _safe_name(entry["file_name"]),
            _whole(entry["width"]),
            _whole(entry["height"]),
            _NO_LICENSE if license is None else _whole(license),
            _text(entry.get("coco_url")),
            _text(entry.get("flickr_url")),
        )

    def take_license(self, entry: Mapping[str, Any]) -> None:
        self.licenses[_whole(entry["id"])] = license_id(_text(entry.get("url")), _text(entry.get("name")))

    def take_category(self, entry: Mapping[str, Any]) -> None:
        self.categories[_whole(entry["id"])] = _text(entry["name"]) or ""

    def take_annotation(self, entry: Mapping[str, Any]) -> None:
        row = _whole(entry["id"]), _whole(entry["image_id"]), _whole(entry.get("category_id", -1))
        area = float(entry.get("area", 0))
        for column, value in zip((self.annotation_ids, self.image_ids, self.category_ids), row, strict=True):
            column.append(value)
        self.areas.append(area)


_TAKERS = {
    "images": _AnnotationColumns.take_image,
    "licenses": _AnnotationColumns.take_license,
    "categories": _AnnotationColumns.take_category,
    "annotations": _AnnotationColumns.take_annotation,
}


def _parse(path: Path) -> Annotations:
    columns, seen = _AnnotationColumns(), set()
    try:
        text = read_regular(path).decode("utf-8-sig")
        for section, number, entry in stream_entries(text, _TAKERS):
            seen.add(section)
            if number is not None:
                _take(path, columns, section, number, entry)
    except OSError as error:
        raise SourceError(f"The annotation file {path} cannot be read: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        raise SourceError(
            f"The annotation file {path} is damaged or not JSON ({error}): delete it, then fetch it again with "
            "`nst download coco`."
        ) from error
    if "images" not in seen:
        raise SourceError(
            f"{path} is not a COCO annotation file: it has no list 'images'. "
            "Give instances_*.json, person_keypoints_*.json, captions_*.json or image_info_*.json."
        )
    _check_names(path, columns)
    return Annotations(_table(columns), columns.licenses, columns.categories)


def _take(path: Path, columns: _AnnotationColumns, section: str, number: int, entry: Any) -> None:
    try:
        _TAKERS[section](columns, entry)
    except KeyError as error:
        raise SourceError(f"The annotation file {path} is wrong: {section}[{number}] has no {error}.") from error
    except (AttributeError, OverflowError, TypeError, ValueError) as error:
        raise SourceError(f"The annotation file {path} is wrong: {section}[{number}]: {error}.") from error


def _table(columns: _AnnotationColumns) -> pa.Table:
    ids = sorted(columns.images)
    rows = [columns.images[number] for number in ids]
    names, widths, heights, licenses, coco_urls, flickr_urls = zip(*rows, strict=True) if rows else [()] * 6
    annotation_ids, category_ids = _group(np.array(ids, np.int64), columns)
    return pa.table(
        {
            "id": pa.array(ids, pa.int64()),
            "file_name": pa.array(names, pa.string()),
            "width": pa.array(widths, pa.int64()),
            "height": pa.array(heights, pa.int64()),
            "license": pa.array(licenses, pa.int64()),
            "coco_url": pa.array(coco_urls, pa.string()),
            "flickr_url": pa.array(flickr_urls, pa.string()),
            "annotation_ids": annotation_ids,
            "category_ids": category_ids,
        }
    )


def _group(ids: Integers, columns: _AnnotationColumns) -> tuple[pa.ListArray, pa.ListArray]:
    """Per image: annotation ids in order, and its categories by the area of the largest object of each."""
    images = np.array(columns.image_ids, np.int64)
    known = np.isin(images, ids)  # reduced files may annotate images that they no longer list
    rows = np.searchsorted(ids, images[known])
    annotations = np.array(columns.annotation_ids, np.int64)[known]
    categories = np.array(columns.category_ids, np.int64)[known]
    areas = np.array(columns.areas, np.float64)[known]
    by_id = np.lexsort((annotations, rows))
    by_area = np.lexsort((categories, -areas, rows))
    by_area = by_area[categories[by_area] >= 0]
    pairs = np.stack([rows[by_area], categories[by_area]], axis=1)
    first = np.sort(np.unique(pairs, axis=0, return_index=True)[1])
    return (
        _lists(rows[by_id], annotations[by_id], len(ids)),
        _lists(rows[by_area][first], categories[by_area][first], len(ids)),
    )


def _lists(rows: Integers, values: Integers, count: int) -> pa.ListArray:
    """Values sorted by their row as one list per row."""
    offsets = np.searchsorted(rows, np.arange(count + 1))
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), pa.array(values, pa.int64()))


def _check_names(path: Path, columns: _AnnotationColumns) -> None:
    counts = Counter(image[0] for image in columns.images.values())
    if repeated := [name for name, count in counts.items() if count > 1]:
        raise SourceError(
            f"The annotation file {path} is wrong: several images have the file name {short_list(repeated)}."
        )


def _safe_name(value: Any) -> str:
    """The source id of a file name. Raises ValueError where it is none, or leads out of the split's folder."""
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"its file_name {value!r} names no file")
    if leads_outside(value):
        raise ValueError(f"its file_name {value!r} leads outside the folder of images")
    return source_id(PurePosixPath(value.replace("\\", "/")).as_posix())


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"{value!r} is not a whole number")
    if not -(2**63) <= value < 2**63:
        raise ValueError(f"{value} is too large a number")
    return value


def _text(value: Any) -> str | None:
    """A value as text, None where empty. Raises UnicodeEncodeError for lone surrogates, which a table cannot hold."""
    if value in (None, ""):
        return None
    text = str(value)
    text.encode()
    return text


def _from_cache(path: Path) -> Annotations | None:
    try:
        check_regular(path)
        table = pq.read_table(path)
        names = json.loads(table.schema.metadata[b"nst"])
        licenses = {int(key): value for key, value in names["licenses"].items()}
        categories = {int(key): value for key, value in names["categories"].items()}
    except (OSError, pa.ArrowException, KeyError, TypeError, ValueError):
        return None  # not there yet, or damaged
    return Annotations(table, licenses, categories)


def _into_cache(path: Path, annotations: Annotations) -> Annotations:
    names = json.dumps({"licenses": annotations.licenses, "categories": annotations.categories})
    with contextlib.suppress(OSError, DiskFull), atomic_path(path) as temporary:  # only a cache
        pq.write_table(annotations.table.replace_schema_metadata({"nst": names}), temporary, compression="zstd")
    return annotations
