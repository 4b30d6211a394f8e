"""The source `coco`: images of COCO 2017, selected by category, licence and size, and drawn by seed."""

from __future__ import annotations

import hashlib
import heapq
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nst_core.config.sources import CocoSource
from nst_core.errors import ConfigError, SourceError, suggestion
from nst_core.sources.base import Catalogue, Item, check_utf8
from nst_core.sources.coco_annotations import Annotations, read_annotations
from nst_core.sources.folder import Role
from nst_core.sources.licenses import TERMS, UNKNOWN_TERM, license_id, license_terms
from nst_core.sources.walk import missing_files
from nst_core.sources.wording import download_advice
from nst_core.storage.names import name_key

Mask = NDArray[np.bool_]

_SPLITS = {"train2017": "train", "val2017": "val", "test2017": "test"}


@dataclass(frozen=True, slots=True)
class CocoImage:
    """One image of an annotation file.

    Attributes:
        license: SPDX-like, or as the file names it.
        label: the category of its largest object, of the selected categories where there are some.
    """

    id: int
    file_name: str
    width: int
    height: int
    coco_url: str | None
    flickr_url: str | None
    license: str | None
    annotation_ids: tuple[int, ...]
    label: str | None


def coco_catalogue(config: CocoSource, role: Role) -> Catalogue:
    """The images that the run file selects, on disk or not; missing ones are counted in a note, and quarantined later.

    Raises:
        SourceError: the annotation file or the folder of images does not exist, or no image matches.
        ConfigError: the annotation file does not have a category or licence of the run file.
    """
    check_utf8(config.path, f"{role}.path")
    annotations = annotation_file(config)
    if not annotations.is_file():
        key, remedy = ("path", _remedy(config, role)) if config.annotations is None else ("annotations", "correct it")
        raise SourceError(f"{role}.{key}: there is no annotation file {annotations}: {remedy}.")
    images, names = _selection(annotations, config, f"{role}.")
    folder = config.path.absolute() / config.split
    if not folder.is_dir():
        raise SourceError(f"{role}.path: there is no folder {config.path / config.split}: {_remedy(config, role)}.")
    try:
        missing = len(missing_files(folder, names))
    except OSError as error:
        raise SourceError(f"The folder {folder} cannot be read: {error.strerror}.") from error
    notes = [f"{missing} of {len(names)} chosen images are not in {folder}: {_remedy(config, role)}."]
    return Catalogue.of((_item(image, folder, config.split) for image in images), notes if missing else ())


def annotation_file(config: CocoSource) -> Path:
    """The annotation file of the run file, or COCO's own for the split (for unannotated splits a list of images)."""
    if config.annotations is not None:
        return config.annotations
    kind = "instances" if config.split in ("train2017", "val2017") else "image_info"
    return config.path / "annotations" / f"{kind}_{config.split}.json"


def selected_images(annotations: Path, config: CocoSource, prefix: str = "") -> list[CocoImage]:
    """The images of an annotation file that a source selects, by id.

    The draw of `limit` images depends on (seed, image id) alone: neither on the order in the file nor on the other
    images; a larger limit takes the same images and more.

    Args:
        prefix: put before the option's name in messages, such as `content.` or `--`.

    Raises:
        SourceError: the file cannot be used, or no image matches.
        ConfigError: the file does not have a category or licence of the source.
    """
    return list(_selection(annotations, config, prefix)[0])


def draw_ids(ids: Iterable[int], limit: int | None, seed: int) -> list[int]:
    """Draw at most `limit` of the ids, sorted: those with the lowest sha256(seed, id)."""
    return sorted(ids if limit is None else heapq.nsmallest(limit, ids, key=lambda number: _rank(seed, number)))


def download_command(config: CocoSource) -> str:
    """The command line that downloads the images that a source selects."""
    words = ["nst", "download", "coco", "--output", str(config.path), "--split", config.split]
    for option, values in (("--categories", config.categories), ("--licenses", config.licenses)):
        words += [word for value in values or () for word in (option, value)]
    for option, number in (("--smallest-side", config.smallest_side), ("--limit", config.limit)):
        words += [] if number is None else [option, str(number)]
    words += ["--seed", str(config.seed)] if config.limit is not None and config.seed else []
    return shlex.join(words)


def _selection(path: Path, config: CocoSource, prefix: str) -> tuple[Iterator[CocoImage], list[str]]:
    """The selected images, one by one since there are many, and their file names."""
    annotations = read_annotations(path)
    wanted = _wanted_categories(annotations, config, prefix, path)
    fitting = np.flatnonzero(_selection_mask(annotations, config, wanted, prefix, path))
    ids = annotations.table["id"].to_numpy()
    chosen = draw_ids(ids[fitting].tolist(), config.limit, config.seed)
    if not chosen:
        if not len(ids):
            raise SourceError(f"The annotation file {path} lists no images: it is not that of {config.split}.")
        raise SourceError(f"No image of {path} fits {_criteria(config)}: ask for less.")
    table = annotations.table.take(np.searchsorted(ids, chosen))
    return _images(annotations, table, wanted), table["file_name"].to_pylist()


def _rank(seed: int, number: int) -> bytes:
    return hashlib.sha256(f"{seed}\0{number}".encode()).digest()


def _selection_mask(
    annotations: Annotations, config: CocoSource, wanted: set[int] | None, prefix: str, path: Path
) -> Mask:
    table = annotations.table
    fits = np.ones(len(table), bool)
    if wanted is not None:
        offsets, values = _flat(table, "category_ids")
        rows = np.repeat(np.arange(len(table)), np.diff(offsets))
        fits &= np.isin(np.arange(len(table)), rows[np.isin(values, sorted(wanted))])
    if config.licenses is not None:
        fits &= _license_mask(annotations, config.licenses, prefix, path)
    if config.smallest_side is not None:
        fits &= np.minimum(table["width"].to_numpy(), table["height"].to_numpy()) >= config.smallest_side
    return fits


def _wanted_categories(annotations: Annotations, config: CocoSource, prefix: str, path: Path) -> set[int] | None:
    if config.categories is None:
        return None
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


def _license_mask(annotations: Annotations, wanted: Iterable[str], prefix: str, path: Path) -> Mask:
    """A mask of the images under any of the licences, given as COCO's ids, names or terms."""
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


def _images(annotations: Annotations, table: Any, wanted: set[int] | None) -> Iterator[CocoImage]:
    annotation_offsets, annotation_ids = (values.tolist() for values in _flat(table, "annotation_ids"))
    category_offsets, category_ids = (values.tolist() for values in _flat(table, "category_ids"))
    names = ("id", "file_name", "width", "height", "coco_url", "flickr_url", "license")
    for row, record in enumerate(zip(*(table[name].to_pylist() for name in names), strict=True)):
        number, file_name, width, height, coco_url, flickr_url, license = record
        ids = tuple(annotation_ids[annotation_offsets[row] : annotation_offsets[row + 1]])
        label = _label(category_ids[category_offsets[row] : category_offsets[row + 1]], wanted, annotations.categories)
        name = annotations.licenses.get(license)
        yield CocoImage(number, file_name, width, height, coco_url, flickr_url, name, ids, label)


def _label(categories: Iterable[int], wanted: set[int] | None, names: Mapping[int, str]) -> str | None:
    number = next((number for number in categories if wanted is None or number in wanted), None)
    return None if number is None else names.get(number)


def _flat(table: Any, name: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """A column of lists as (rows + 1,) offsets and the values one after another."""
    lists = table[name].combine_chunks()
    offsets = lists.offsets.to_numpy().astype(np.int64)
    return offsets - offsets[:1], lists.flatten().to_numpy()


def _item(image: CocoImage, folder: Path, split: str) -> Item:
    return Item(
        image.file_name,
        folder / image.file_name,
        label=image.label,
        split=_SPLITS.get(split),
        license=image.license,
        source_url=image.flickr_url or image.coco_url,
        extras=(
            ("coco_image_id", str(image.id)),
            ("coco_annotation_ids", ";".join(map(str, image.annotation_ids))),
        ),
    )


def _remedy(config: CocoSource, role: Role) -> str:
    """Advice on getting what is missing. With `download: true`, the folder has images put there by hand."""
    if config.annotations is not None:  # the command line knows COCO's own annotation files only
        if config.download:
            return f"add what is missing, or remove {config.path / config.split} to have `nst run` fetch it"
        return f"set {role}.download: true to fetch what is missing"
    return download_advice(download_command(config), config, role)


def _criteria(config: CocoSource) -> str:
    keys = ("categories", "licenses", "smallest_side")
    chosen = {key: getattr(config, key) for key in keys if getattr(config, key) is not None}
    parts = (f"{key} {', '.join(value) if isinstance(value, list) else value}" for key, value in chosen.items())
    return " and ".join(parts) or "the source"


def _fold(name: str) -> str:
    return name_key(name.replace("_", " "))
