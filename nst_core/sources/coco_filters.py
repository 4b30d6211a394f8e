"""Which images of a COCO annotation file a source selects: by category, licence and size."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from nst_core.config.sources import CocoSource
from nst_core.errors import ConfigError, suggestion
from nst_core.sources.coco_annotations import Annotations, flat_lists
from nst_core.sources.licenses import TERMS, UNKNOWN_TERM, license_id, license_terms
from nst_core.storage.names import name_key

Mask = NDArray[np.bool_]


def selection_mask(annotations: Annotations, config: CocoSource, wanted: set[int] | None, prefix: str) -> Mask:
    """A mask of the images of an annotation file that a source selects, `wanted` being the ids of its categories.

    Raises:
        ConfigError: the file does not have one of the licences.
    """
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


def wanted_categories(annotations: Annotations, config: CocoSource, prefix: str) -> set[int] | None:
    """The ids of the categories that a source selects; None: of all.

    Raises:
        ConfigError: the file does not have one of them.
    """
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


def _fold(name: str) -> str:
    return name_key(name.replace("_", " "))
