"""The masks of pairs that are to be planned, looked at: so that a bad one is known before anything starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nst_core.engine.recipe import Recipe
from nst_core.errors import InputError
from nst_core.plan.pair_table import PairTable
from nst_core.sources.base import MASK, MASK_HASH, STYLE_MASK
from nst_core.sources.index.inputs import Input


def has_masks(pairs: PairTable) -> bool:
    """Whether any pair has a mask, used or not."""
    return any(MASK_HASH in setting.extras for setting in pairs.settings) or any(
        MASK_HASH in dict(item.extras) for item in pairs.contents
    )


def masks_of(pairs: PairTable, content: int, setting: int) -> Mapping[str, str]:
    """The further columns of a pair: the content's, and its own in place of those."""
    return dict(pairs.contents[content].extras) | dict(pairs.settings[setting].extras)


@dataclass(frozen=True)
class MaskSetting:
    """What the masks of pairs are held against: the recipe, every input file, and the most pixels of a mask."""

    recipe: Recipe
    inputs: Mapping[Path, Input]
    max_pixels: int


def mask_faults(
    pairs: PairTable, sound: NDArray[np.bool_], setting: MaskSetting
) -> tuple[NDArray[np.int64], list[InputError]]:
    """The fault of each pair's masks, an index into the errors or −1; of pairs that are not sound, none.

    Label images are read whole; regions of COCO's are drawn when their pair is made, and no sooner.
    """
    found, errors = np.full(len(pairs), -1, np.int64), list[InputError]()
    if not has_masks(pairs):
        return found, errors
    keys = np.column_stack([pairs.content, pairs.combination, pairs.setting]).astype(np.int64)
    distinct, inverse = np.unique(keys, axis=0, return_inverse=True)
    usable = np.zeros(len(distinct), bool)
    np.logical_or.at(usable, inverse.ravel(), sound)
    of_key = np.full(len(distinct), -1, np.int64)
    for number in np.flatnonzero(usable).tolist():
        error = _fault(pairs, distinct[number], setting)
        if error is not None:
            of_key[number] = len(errors)
            errors.append(error)
    return np.where(sound, of_key[inverse.ravel()], -1), errors


def _fault(pairs: PairTable, places: NDArray[Any], setting: MaskSetting) -> InputError | None:
    from nst_core.sources.pair_masks import is_drawn, read_masks, uses_masks

    content, combination, own = places.tolist()
    extras, styles = masks_of(pairs, content, own), pairs.combinations[combination].styles
    if not uses_masks(extras, len(styles), setting.recipe) or (is_drawn(extras[MASK]) and not extras.get(STYLE_MASK)):
        return None
    images = [setting.inputs[item.path] for item in (pairs.contents[content], *(share.item for share in styles))]
    size, *sizes = [(image.width, image.height) for image in images]
    try:
        read_masks(extras, size, sizes, setting.recipe, setting.max_pixels)
    except InputError as error:
        return error
    return None
