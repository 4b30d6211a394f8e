"""Regions of COCO's images: label images made of polygons, run-length codes or panoptic segments."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from nst_core.engine.images.label_images import BACKGROUND, LabelImage
from nst_core.errors import ConfigError, InputError, UnusableMask, suggestion
from nst_core.sources.coco_annotations import Annotations, flat_lists, read_annotations
from nst_core.sources.coco_entry_reader import EntryReader
from nst_core.sources.coco_reference import CATEGORY, CocoReference

THING, STUFF = "thing", "stuff"
_FIRST_CATEGORY = 1000

Bits = NDArray[np.bool_]


def read_regions(reference: CocoReference) -> LabelImage:
    """The label image that a reference names, at the size that the annotation file gives; 0 is the background.

    Raises:
        UnusableMask: the file lacks the image, or an annotation of it is not valid.
        SourceError: the file cannot be read.
    """
    return _index_of(reference).label_image(reference.image, reference.regions)


def has_image(annotations: Path, image_id: object) -> bool:
    """Whether an annotation file has an image."""
    return _index(annotations, annotations.stat().st_mtime_ns).has(str(image_id))


def check_regions(annotations: Path, regions: Sequence[str], key: str) -> None:
    """Raise ConfigError for a region that is neither a kind of annotation nor a category of the file."""
    names = sorted(_index(annotations, annotations.stat().st_mtime_ns).names.values())
    known = {THING, STUFF, CATEGORY, *(name.casefold() for name in names)}
    for region in regions:
        if region.casefold() not in known:
            raise ConfigError(
                f"{key}: {annotations.name} has no category {region!r}{suggestion(region, names)}; "
                f"it can be {THING}, {STUFF}, {CATEGORY} (each its own region), or names of categories."
            )


def region_hash(reference: CocoReference) -> str:
    """sha256 of everything in the annotation file that decides the regions of an image."""
    regions = list(reference.regions)
    chosen = list(_index_of(reference).chosen(reference.image, regions))
    return sha256(json.dumps([regions, chosen], sort_keys=True).encode()).hexdigest()


def _index_of(reference: CocoReference) -> _RegionIndex:
    path = Path(reference.file)
    return _index(path, path.stat().st_mtime_ns)


@functools.lru_cache(maxsize=2)
def _index(path: Path, mtime_ns: int) -> _RegionIndex:
    return _RegionIndex(read_annotations(path))


class _RegionIndex:
    """The annotations of an image by its id."""

    def __init__(self, annotations: Annotations) -> None:
        self._annotations, self._read = annotations, EntryReader(annotations.path)
        table = annotations.table
        ids = (annotations.codes.value(code) for code in table["id"].to_pylist())
        self._rows = {str(number): row for row, number in enumerate(ids)}
        self._sizes = list(zip(table["width"].to_pylist(), table["height"].to_pylist(), strict=True))
        self._offsets, self._starts = flat_lists(table, "annotation_starts")
        _, self._ends = flat_lists(table, "annotation_ends")
        categories = self._read.entries(*annotations.sections["categories"]) if annotations.categories else []
        found = [one for one in categories if isinstance(one, dict) and "id" in one]
        is_thing = 0 if annotations.path.name.startswith("stuff") else 1  # COCO says it in panoptic files only
        self.names = {one["id"]: str(one.get("name", one["id"])) for one in found}
        self._things = {one["id"] for one in found if one.get("isthing", is_thing)}

    def has(self, image_id: str) -> bool:
        return image_id in self._rows

    def label_image(self, image_id: str, regions: Sequence[str]) -> LabelImage:
        path = f"{self._annotations.path}, image {image_id}"
        if image_id not in self._rows:
            raise UnusableMask(path, "the annotation file has no such image")
        width, height = self._sizes[self._rows[image_id]]
        if width < 1 or height < 1:
            raise UnusableMask(path, "the annotation file gives no size for it")
        labels, names = np.zeros((height, width), np.int32), {0: BACKGROUND}
        for label, name, entry in self.chosen(image_id, regions):
            try:
                bits = self._bits(entry, width, height)
            except InputError:
                raise
            except (TypeError, ValueError, KeyError, IndexError) as error:
                raise UnusableMask(path, f"the segmentation of annotation {entry.get('id')} is not valid") from error
            labels[bits & (labels == 0)] = label  # where objects overlap, the smaller came first
            names[label] = name
        return LabelImage(labels, names)

    def chosen(self, image_id: str, regions: Sequence[str]) -> Iterator[tuple[int, str, dict[str, Any]]]:
        """The label, its name and the entry of each annotation that belongs to one of the regions."""
        wanted = {name.casefold(): place for place, name in enumerate(regions)}
        for entry in sorted(self._entries(image_id), key=lambda one: one.get("area") or 0):
            number = entry.get("category_id")
            name = self.names.get(number, str(number))
            if name.casefold() in wanted:
                yield 1 + wanted[name.casefold()], name, entry
            elif CATEGORY in wanted:
                yield _FIRST_CATEGORY + int(number or 0), name, entry
            elif THING in wanted and number in self._things:
                yield 1 + wanted[THING], THING, entry
            elif STUFF in wanted and number not in self._things:
                yield 1 + wanted[STUFF], STUFF, entry

    def _entries(self, image_id: str) -> list[dict[str, Any]]:
        row = self._rows.get(image_id)
        places: Iterable[int] = () if row is None else range(self._offsets[row], self._offsets[row + 1])
        entries = [self._read(int(self._starts[place]), int(self._ends[place])) for place in places]
        if not self._annotations.panoptic:
            return [entry for entry in entries if isinstance(entry, dict)]
        return [{**segment, "file_name": entry["file_name"]} for entry in entries for segment in entry["segments_info"]]

    def _bits(self, entry: Mapping[str, Any], width: int, height: int) -> Bits:
        if self._annotations.panoptic:
            folder = self._annotations.path.with_suffix("")
            bits: Bits = _panoptic_ids(folder / entry["file_name"], (height, width)) == entry["id"]
            return bits
        return segmentation_mask(entry["segmentation"], width, height)


def segmentation_mask(segmentation: Any, width: int, height: int) -> Bits:
    """(H, W): a COCO segmentation: polygons [x, y, x, y, …], or `{counts, size}` with counts as a list or packed.

    Raises ValueError, TypeError or KeyError where it is neither.
    """
    if isinstance(segmentation, Mapping):
        return _run_lengths(segmentation, width, height)
    canvas = Image.new("1", (width, height))
    draw = ImageDraw.Draw(canvas)
    for polygon in segmentation:
        points = np.asarray(polygon, float).reshape(-1, 2)
        if not np.isfinite(points).all():
            raise ValueError("a corner is not a number")
        if len(points) >= 3:
            draw.polygon([(x - 0.5, y - 0.5) for x, y in points.tolist()], fill=1)  # COCO's pixel 0 spans 0 to 1
    return np.array(canvas)


def _run_lengths(code: Mapping[str, Any], width: int, height: int) -> Bits:
    """Runs of 0 and 1 in turn, column by column."""
    if list(code["size"]) != [height, width]:
        raise ValueError(f"the size {code['size']} is not that of the image")
    counts = code["counts"]
    runs = unpacked_counts(counts) if isinstance(counts, str) else [int(count) for count in counts]
    if min(runs, default=0) < 0 or sum(runs) != width * height:
        raise ValueError("the runs do not fill the image")
    bits = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    return bits.reshape(width, height).T


def unpacked_counts(text: str) -> list[int]:
    """The runs of a packed code (pycocotools, `rleFrString`): six bits a character, from the third difference on."""
    runs: list[int] = []
    place = 0
    while place < len(text):
        value, shift, more = 0, 0, True
        while more:
            bits = ord(text[place]) - 48
            value |= (bits & 0x1F) << shift
            more = bool(bits & 0x20)
            place, shift = place + 1, shift + 5
            if not more and bits & 0x10:
                value |= -1 << shift
        runs.append(value + (runs[-2] if len(runs) > 2 else 0))
    return runs


@functools.lru_cache(maxsize=1)
def _panoptic_ids(path: Path, shape: tuple[int, int]) -> NDArray[np.int64]:
    """The segment ids of a panoptic image: R + 256 G + 256² B."""
    try:
        with Image.open(path) as image:
            pixels = np.array(image.convert("RGB")).astype(np.int64)
    except OSError as error:
        raise UnusableMask(path, "the panoptic segments cannot be read") from error
    if pixels.shape[:2] != shape:
        raise UnusableMask(path, "the panoptic segments have another size than the image")
    ids: NDArray[np.int64] = pixels @ np.array([1, 256, 256**2])
    return ids
