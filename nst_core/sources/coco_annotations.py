"""COCO's annotation files as a table: images, their annotations' ids and places in the file, and their categories.

`instances_train2017.json` has 450 MB. It is read as a stream, and only what places an entry is kept; the table is
cached as Parquet, which opens in a second. Who needs a whole entry reads it again at its place.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from nst_core.errors import DiskFull, SourceError
from nst_core.sources.coco_columns import TAKERS, AnnotationColumns, Integers, LeftOutEntry, annotation_table
from nst_core.sources.coco_entries import Codes, EntryFault, FaultGroup, Identifier, identifier
from nst_core.sources.coco_files import check_kind, other_form
from nst_core.sources.json_stream import StreamedValue, stream_values
from nst_core.storage.atomic import atomic_path
from nst_core.storage.machine import cache_folder
from nst_core.storage.regular_files import check_regular, open_regular

_VERSION = "2"
_CACHED_FROM = 4 << 20  # bytes; smaller files are read as fast as the cache


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


def _parse(path: Path, remedy: str) -> Annotations:
    check_kind(path)
    columns, others = AnnotationColumns(), set[str]()
    lists: set[str] = set()
    try:
        with open_regular(path) as file:
            for streamed in stream_values(file, TAKERS):
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
        path, annotation_table(columns), columns.codes, columns.licenses, columns.categories, columns.sections,
        columns.faults.groups(), tuple(columns.left_out), frozenset(lists), columns.panoptic,
    )  # fmt: skip


def _take(columns: AnnotationColumns, streamed: StreamedValue) -> None:
    if streamed.section in ("licenses", "categories"):
        start = columns.sections.get(streamed.section, (streamed.start, 0))[0]
        columns.sections[streamed.section] = start, streamed.end
    try:
        TAKERS[streamed.section](columns, streamed)
    except EntryFault as fault:
        columns.faults.add(streamed.section, _place(streamed), fault)


def _place(streamed: StreamedValue) -> str:
    """`annotations[3] (id 17)`."""
    number: Identifier | None = identifier(streamed.value.get("id")) if isinstance(streamed.value, dict) else None
    return f"{streamed.section}[{streamed.number}]" + (f" (id {number})" if number is not None else "")


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
