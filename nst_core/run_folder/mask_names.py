"""The masks of a pair as results show them: without folders."""

from __future__ import annotations

from collections.abc import Mapping

from nst_core.run_folder.without_folders import base_name
from nst_core.sources.base import MASK, MASK_HASH, STYLE_MASK
from nst_core.sources.coco_reference import PREFIX, CocoReference


def shown_masks(extras: Mapping[str, str]) -> Mapping[str, str]:
    """Further columns with masks as file names, and regions of COCO's as `coco:person`."""
    if MASK_HASH not in extras:
        return extras
    masks = {name: ";".join(map(_shown, extras[name].split(";"))) for name in (MASK, STYLE_MASK) if name in extras}
    return {**extras, **masks}


def _shown(mask: str) -> str:
    reference = CocoReference.of(mask)
    if reference is not None:
        return PREFIX + ",".join(reference.regions)
    return base_name(mask) if mask else ""
