"""The source `coco`: images of COCO 2017, selected by category, licence and size, and drawn by seed."""

from __future__ import annotations

import hashlib
import heapq
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from nst_core.config.sources import CocoSource
from nst_core.errors import ConfigError, SourceError, suggestion
from nst_core.sources.base import MASK, MASK_HASH, Catalogue, Item, check_utf8
from nst_core.sources.coco_annotations import Annotations, flat_lists, read_annotations
from nst_core.sources.coco_entries import Identifier
from nst_core.sources.coco_reference import CocoReference
from nst_core.sources.folder import Role
from nst_core.sources.licenses import TERMS, UNKNOWN_TERM, license_id, license_terms
from nst_core.sources.walk import leads_outside, missing_files
from nst_core.sources.wording import download_advice, quantity, short_list
from nst_core.storage.names import name_key

Mask = NDArray[np.bool_]

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
                f"{missing} of {len(names)} chosen images are not in {folder}: {_remedy(selection.part, role)}."
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
    selection = _Selection.of(config, read_annotations(annotations, _file_remedy(config)), prefix)
    (drawn,) = _drawn([selection], config)
    if not drawn:
        raise SourceError(_no_image([selection], config))
    return [image for image in selection.images(drawn) if not leads_outside(image.file_name)]


def draw_ids(ids: Iterable[Identifier], limit: int | None, seed: int) -> list[Identifier]:
    """Draw at most `limit` of the ids, sorted: those with the lowest sha256(seed, id)."""
    chosen = ids if limit is None else heapq.nsmallest(limit, ids, key=lambda number: _rank(seed, number))
    return sorted(chosen, key=lambda number: (isinstance(number, str), number))


def download_command(config: CocoSource) -> str:
    """The command line that downloads the images that a source selects."""
    words = ["nst", "download", "coco", "--output", str(config.path), "--split", config.splits[0]]
    for option, values in (("--categories", config.categories), ("--licenses", config.licenses)):
        words += [word for value in values or () for word in (option, value)]
    for option, number in (("--smallest-side", config.smallest_side), ("--limit", config.limit)):
        words += [] if number is None else [option, str(number)]
    words += ["--seed", str(config.seed)] if config.limit is not None and config.seed else []
    return shlex.join(words)


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
        wanted = _wanted_categories(annotations, part, prefix)
        mask = _selection_mask(annotations, part, wanted, prefix)
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
        key, remedy = ("path", _remedy(part, role)) if part.annotations is None else ("annotations", "correct it")
        raise SourceError(f"{role}.{key}: there is no annotation file {path}: {remedy}.")
    selection = _Selection.of(part, read_annotations(path, _file_remedy(part)), f"{role}.")
    if not selection.folder.is_dir():
        raise SourceError(f"{role}.path: there is no folder {part.path / part.splits[0]}: {_remedy(part, role)}.")
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
        return f"No image of {paths} fits {_criteria(config)}: ask for less."
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


def _selection_mask(annotations: Annotations, config: CocoSource, wanted: set[int] | None, prefix: str) -> Mask:
    table = annotations.table
    fits = np.ones(len(table), bool)
    if wanted is not None:
        offsets, values = flat_lists(table, "category_ids")
        rows = np.repeat(np.arange(len(table)), np.diff(offsets))
        fits &= np.isin(np.arange(len(table)), rows[np.isin(values, sorted(wanted))])
    if config.licenses is not None:
        fits &= _license_mask(annotations, config.licenses, prefix)
    if config.smallest_side is not None:
        fits &= np.minimum(table["width"].to_numpy(), table["height"].to_numpy()) >= config.smallest_side
    return fits


def _wanted_categories(annotations: Annotations, config: CocoSource, prefix: str) -> set[int] | None:
    if config.categories is None:
        return None
    path = annotations.path
    if annotations.panoptic:
        raise ConfigError(f"{prefix}categories: {path} holds panoptic segments, not objects: use instances_*.json.")
    if not annotations.categories:
        raise ConfigError(f"{prefix}categories: {path} holds no categories: use instances_*.json.")
    known: dict[str, set[int]] = {}
    for number, name in annotations.categories.items():
        known.setdefault(_fold(name), set()).add(number)
    unknown = [name for name in config.categories if _fold(name) not in known]
    if unknown:
        listing = ", ".join(f"{name!r}{suggestion(_fold(name), known)}" for name in unknown)
        raise ConfigError(f"{prefix}categories: {path.name} has no category {listing}.")
    return set().union(*(known[_fold(name)] for name in config.categories))


def _license_mask(annotations: Annotations, wanted: Iterable[str], prefix: str) -> Mask:
    """A mask of the images under any of the licences, given as COCO's ids, names or terms."""
    path = annotations.path
    numbers = annotations.table["license"].to_numpy()
    present = {int(number): annotations.licenses.get(int(number)) for number in np.unique(numbers)}
    known = present | dict(annotations.licenses)
    accepted: set[int] = set()
    for word in wanted:
        fitting = {number for number, name in known.items() if _has_license(number, name, word)}
        if not fitting and _fold(word) not in (*TERMS, UNKNOWN_TERM):
            names = sorted({name for name in annotations.licenses.values() if name})
            hint = suggestion(word, names) or f"; it has {', '.join(names)}"
            raise ConfigError(f"{prefix}licenses: {path.name} has no licence {word!r}{hint}.")
        accepted |= fitting
    return np.isin(numbers, sorted(accepted))


def _has_license(number: int, name: str | None, word: str) -> bool:
    if word.strip().isdecimal():
        return number == int(word)
    if _fold(word) in (*TERMS, UNKNOWN_TERM):
        return _fold(word) in license_terms(name)
    return name is not None and name.casefold() == (license_id(None, word) or "").casefold()


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


def _file_remedy(config: CocoSource) -> str:
    """Advice on a damaged annotation file: one's own is nothing that a command fetches."""
    if config.annotation_files[0] is not None:
        return "correct it, or give another"
    return "move it away, then fetch COCO's with `nst download coco`, if it is not your own"


def _remedy(config: CocoSource, role: Role) -> str:
    """Advice on getting what is missing. With `download: true`, the folder has images put there by hand."""
    if config.annotations is not None:  # the command line knows COCO's own annotation files only
        if config.download:
            return f"add what is missing, or remove {config.path / config.splits[0]} to have `nst run` fetch it"
        return f"set {role}.download: true to fetch what is missing"
    return download_advice(download_command(config), config, role)


def _criteria(config: CocoSource) -> str:
    keys = ("categories", "licenses", "smallest_side")
    chosen = {key: getattr(config, key) for key in keys if getattr(config, key) is not None}
    parts = (f"{key} {', '.join(value) if isinstance(value, list) else value}" for key, value in chosen.items())
    return " and ".join(parts) or "the source"


def _fold(name: str) -> str:
    return name_key(name.replace("_", " "))
