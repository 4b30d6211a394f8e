"""The source `coco`: images of COCO 2017, selected by category, licence and size, and drawn by seed."""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from nst_core.config.sources import CocoSource
from nst_core.errors import SourceError
from nst_core.sources.base import MASK, MASK_HASH, Catalogue, Item, check_utf8
from nst_core.sources.coco_advice import criteria, file_remedy, remedy
from nst_core.sources.coco_annotations import Annotations, flat_lists, read_annotations
from nst_core.sources.coco_entries import Identifier
from nst_core.sources.coco_filters import selection_mask, wanted_categories
from nst_core.sources.coco_reference import CocoReference
from nst_core.sources.folder import Role
from nst_core.sources.walk import leads_outside, missing_files
from nst_core.sources.wording import quantity, short_list

_SPLITS = {"train2017": "train", "val2017": "val", "test2017": "test"}


@dataclass(frozen=True, slots=True)
class CocoImage:
    """One image of an annotation file.

    Attributes:
        id: as the file has it: a number, or a text.
        license: SPDX-like, or as the file names it.
        annotation_ids: without those of annotations that have none.
        label: the category of its largest object, of the selected categories where there are some.
    """

    id: Identifier
    file_name: str
    width: int
    height: int
    coco_url: str | None
    flickr_url: str | None
    license: str | None
    annotation_ids: tuple[Identifier, ...]
    label: str | None


def coco_catalogue(config: CocoSource, role: Role) -> Catalogue:
    """The images that the run file selects, on disk or not; missing ones are counted in a note, and quarantined later.

    Entries of the annotation file that cannot be used are counted in notes. Images among them are contents with a
    `fault`, whose pairs are quarantined, unless it cannot be known whether the run file would have selected them; they
    are no styles.

    Raises:
        SourceError: the annotation file or the folder of images does not exist, or no image matches.
        ConfigError: the annotation file does not have a category or licence of the run file.
    """
    check_utf8(config.path, f"{role}.path")
    selections = [_selection(part, role) for part in config.parts()]
    drawn = _drawn(selections, config)
    if not any(drawn):
        raise SourceError(f"{_no_image(selections, config)}")
    items: dict[str, Item] = {}
    notes: list[str] = []
    for selection, chosen in zip(selections, drawn, strict=True):
        folder, names = selection.folder, selection.names(chosen)
        try:
            missing = len(missing_files(folder, [name for name in names if not leads_outside(name)]))
        except OSError as error:
            raise SourceError(f"The folder {folder} cannot be read: {error.strerror}.") from error
        if missing:
            notes.append(
                f"{missing} of {len(names)} chosen images are not in {folder}: {remedy(selection.part, role)}."
            )
        notes += [f"{selection.annotations.path.name}: {group}" for group in selection.annotations.faults]
        found = [_item(image, folder, selection.part.splits[0]) for image in selection.images(chosen)]
        faulty = [item for item in found if item.fault]
        if faulty and role == "style":
            notes.append(f"{quantity(len(faulty), 'image')} left out: {short_list([str(i.fault) for i in faulty])}.")
        if role == "content" and not _narrows(config):
            found += _left_out_items(selection)
        if role == "content" and config.regions:
            found = _with_regions(found, _region_file(config, selection), config.regions)
        for item in found:
            if item.fault and role == "style":
                continue
            name = item.id if item.id not in items else f"{selection.part.splits[0]}/{item.id}"
            items[name] = item if name == item.id else replace(item, id=name)
    files = dict.fromkeys(_region_file(config, selection) for selection in selections)
    return replace(Catalogue.of(items.values(), notes), annotations=tuple(files))


def _region_file(config: CocoSource, selection: _Selection) -> Path:
    return (config.region_annotations or selection.annotations.path).absolute()


def _with_regions(items: Iterable[Item], file: Path, regions: Sequence[str]) -> list[Item]:
    """The items with their masks named; raises SourceError, ConfigError."""
    from nst_core.sources.coco_regions import check_regions, region_hash

    try:
        check_regions(file, regions, "content.regions")
    except OSError as error:
        raise SourceError(f"The annotation file {file} cannot be read: {error.strerror}.") from error
    found = []
    for item in items:
        number = dict(item.extras).get("coco_image_id")
        if number is not None and item.fault is None:
            reference = CocoReference.to(file, number, regions)
            masks = ((MASK, str(reference)), (MASK_HASH, region_hash(reference)))
            item = replace(item, extras=(*item.extras, *masks))
        found.append(item)
    return found


def annotation_file(config: CocoSource) -> Path:
    """The annotation file of the run file, or COCO's own for the split (for unannotated splits a list of images).

    Of several parts, that of the first.
    """
    split, own = config.splits[0], config.annotation_files[0]
    if own is not None:
        return own
    kind = "instances" if split in ("train2017", "val2017") else "image_info"
    return config.path / "annotations" / f"{kind}_{split}.json"


def selected_images(annotations: Path, config: CocoSource, prefix: str = "") -> list[CocoImage]:
    """The images of an annotation file that a source of one part selects, by id; without those with unusable names.

    The draw of `limit` images depends on (seed, image id) alone: neither on the order in the file nor on the other
    images; a larger limit takes the same images and more.

    Args:
        prefix: put before the option's name in messages, such as `content.` or `--`.

    Raises:
        SourceError: the file cannot be used, or no image matches.
        ConfigError: the file does not have a category or licence of the source.
    """
    selection = _Selection.of(config, read_annotations(annotations, file_remedy(config)), prefix)
    (drawn,) = _drawn([selection], config)
    if not drawn:
        raise SourceError(_no_image([selection], config))
    return [image for image in selection.images(drawn) if not leads_outside(image.file_name)]


def draw_ids(ids: Iterable[Identifier], limit: int | None, seed: int) -> list[Identifier]:
    """Draw at most `limit` of the ids, sorted: those with the lowest sha256(seed, id)."""
    chosen = ids if limit is None else heapq.nsmallest(limit, ids, key=lambda number: _rank(seed, number))
    return sorted(chosen, key=lambda number: (isinstance(number, str), number))


@dataclass(frozen=True)
class _Selection:
    """The images of one part that fit a source.

    Attributes:
        part: a source of this part alone.
        wanted: codes of the categories asked for, None for any.
        fitting: rows of the table.
    """

    part: CocoSource
    annotations: Annotations
    wanted: set[int] | None
    fitting: NDArray[np.int64]

    @classmethod
    def of(cls, part: CocoSource, annotations: Annotations, prefix: str) -> _Selection:
        wanted = wanted_categories(annotations, part, prefix)
        mask = selection_mask(annotations, part, wanted, prefix)
        return cls(part, annotations, wanted, np.flatnonzero(mask))

    @property
    def folder(self) -> Path:
        return self.part.path.absolute() / self.part.splits[0]

    def ids(self) -> list[Identifier]:
        """Of the images that fit."""
        codes: list[int] = self.annotations.table["id"].to_numpy()[self.fitting].tolist()
        return [value for code in codes if (value := self.annotations.codes.value(code)) is not None]

    def names(self, rows: Sequence[int]) -> list[str]:
        names: list[str] = self.annotations.table["file_name"].take(pa.array(rows, pa.int64())).to_pylist()
        return names

    def images(self, rows: Sequence[int]) -> Iterator[CocoImage]:
        """The images in these rows, one by one since there are many."""
        return _images(self.annotations, self.annotations.table.take(pa.array(rows, pa.int64())), self.wanted)


def _selection(part: CocoSource, role: Role) -> _Selection:
    path = annotation_file(part)
    if not path.is_file():
        key, advice = ("path", remedy(part, role)) if part.annotations is None else ("annotations", "correct it")
        raise SourceError(f"{role}.{key}: there is no annotation file {path}: {advice}.")
    selection = _Selection.of(part, read_annotations(path, file_remedy(part)), f"{role}.")
    if not selection.folder.is_dir():
        raise SourceError(f"{role}.path: there is no folder {part.path / part.splits[0]}: {remedy(part, role)}.")
    return selection


def _drawn(selections: Sequence[_Selection], config: CocoSource) -> list[list[int]]:
    """The rows that each part contributes: all that fit, or those with the lowest ranks of all parts."""
    if config.limit is None or sum(len(selection.fitting) for selection in selections) <= config.limit:
        return [selection.fitting.tolist() for selection in selections]
    ranked = (
        (_rank(config.seed, number), place, row)
        for place, selection in enumerate(selections)
        for number, row in zip(selection.ids(), selection.fitting.tolist(), strict=True)
    )
    drawn: list[list[int]] = [[] for _ in selections]
    for _, place, row in heapq.nsmallest(config.limit, ranked):
        drawn[place].append(row)
    return [sorted(rows) for rows in drawn]


def _no_image(selections: Sequence[_Selection], config: CocoSource) -> str:
    """Why there is no image at all."""
    paths = " and ".join(str(selection.annotations.path) for selection in selections)
    if any(len(selection.annotations.table) for selection in selections):
        return f"No image of {paths} fits {criteria(config)}: ask for less."
    faults = "; ".join(str(group) for s in selections for group in s.annotations.faults if group.section == "images")
    if faults:
        return f"The annotation file {paths} has no image that can be used: {faults}."
    return f"The annotation file {paths} lists no images: it is not that of {', '.join(config.splits)}."


def _narrows(config: CocoSource) -> bool:
    return any((config.categories, config.licenses, config.smallest_side, config.limit))


def _left_out_items(selection: _Selection) -> Iterator[Item]:
    """Contents in the place of images whose entries cannot be used, so that they are counted and named."""
    split, name = selection.part.splits[0], selection.annotations.path.name
    for entry in selection.annotations.left_out:
        place = f"images[{entry.number}]"
        yield Item(
            f"{name}:{place}",
            selection.folder / place,
            split=_SPLITS.get(split),
            fault=f"{place} of {name} {entry.reason}",
        )


def _rank(seed: int, number: Identifier) -> bytes:
    return hashlib.sha256(f"{seed}\0{number}".encode()).digest()


def _images(annotations: Annotations, table: pa.Table, wanted: set[int] | None) -> Iterator[CocoImage]:
    annotation_offsets, annotation_ids = (values.tolist() for values in flat_lists(table, "annotation_ids"))
    category_offsets, category_ids = (values.tolist() for values in flat_lists(table, "category_ids"))
    names = ("id", "file_name", "width", "height", "coco_url", "flickr_url", "license")
    value_of = annotations.codes.value
    for row, record in enumerate(zip(*(table[name].to_pylist() for name in names), strict=True)):
        code, file_name, width, height, coco_url, flickr_url, license = record
        codes = annotation_ids[annotation_offsets[row] : annotation_offsets[row + 1]]
        ids = tuple(value for code in codes if (value := value_of(code)) is not None)
        label = _label(category_ids[category_offsets[row] : category_offsets[row + 1]], wanted, annotations.categories)
        number, name = value_of(code), annotations.licenses.get(license)
        assert number is not None  # rows have ids
        yield CocoImage(number, file_name, width, height, coco_url, flickr_url, name, ids, label)


def _label(categories: Iterable[int], wanted: set[int] | None, names: Mapping[int, str]) -> str | None:
    number = next((number for number in categories if wanted is None or number in wanted), None)
    return None if number is None else names.get(number)


def _item(image: CocoImage, folder: Path, split: str) -> Item:
    fault = None
    if leads_outside(image.file_name):
        fault = f"its file_name {image.file_name!r} leads outside the folder of images"
    return Item(
        image.file_name,
        folder / image.file_name if fault is None else folder / f"id {image.id}",
        label=image.label,
        split=_SPLITS.get(split),
        license=image.license,
        source_url=image.flickr_url or image.coco_url,
        extras=(
            ("coco_image_id", str(image.id)),
            ("coco_annotation_ids", ";".join(map(str, image.annotation_ids))),
        ),
        fault=fault,
    )
