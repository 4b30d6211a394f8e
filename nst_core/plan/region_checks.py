"""The regions that a method names, against the masks that its pairs have."""

from __future__ import annotations

import re

import numpy as np

from nst_core.config.run_config import RunConfig
from nst_core.config.sources import CocoSource
from nst_core.engine.images.label_images import BACKGROUND
from nst_core.engine.transfer.recipe import MethodRecipe
from nst_core.errors import ConfigError, suggestion
from nst_core.plan.pair_table import PairTable
from nst_core.sources.base import MASK, MASK_HASH, STYLE_MASK
from nst_core.sources.coco_reference import CATEGORY, CocoReference

_LABEL = re.compile(r"\d+|#[0-9a-f]{6}")


def check_regions(config: RunConfig, pairs: PairTable) -> tuple[str, ...]:
    """What is to be said about the regions of a run's pairs.

    Raises:
        ConfigError: the method names regions that no mask can have, or there are no masks; or pictures with masks are
            to be computed in tiles.
    """
    if isinstance(config.style, CocoSource) and config.style.regions:
        raise ConfigError("style.regions: only contents have regions; a style's are in a manifest's column style_mask.")
    recipe = config.method.resolve()
    masks = [dict(item.extras).get(MASK) if MASK_HASH in dict(item.extras) else None for item in pairs.contents]
    own = [setting.extras.get(MASK) if MASK_HASH in setting.extras else None for setting in pairs.settings]
    masked = np.array([mask is not None for mask in masks], bool)[pairs.content]
    masked = (masked | np.array([mask is not None for mask in own], bool)[pairs.setting]) & pairs.stylized
    for key, names in (("method.keep", recipe.keep), ("method.regions", recipe.regions)):
        if names and len(pairs) and not masked.any():
            raise ConfigError(
                f"{key} names regions, but no content has a mask: set content.regions (of a coco source), or pair by "
                "a manifest with the column mask."
            )
        if names and len(pairs):
            _check_names(key, names, {mask for mask in (*masks, *own) if mask})
    if isinstance(config.execution.tile, int) and masked.any():
        raise ConfigError(
            "execution.tile: pictures with masks are not computed in tiles; leave the key out, or set it to none."
        )
    return (_sentence(int(masked.sum()), len(pairs), pairs, recipe),) if masked.any() else ()


def _check_names(key: str, names: tuple[str, ...], masks: set[str]) -> None:
    known = {BACKGROUND}
    references = [CocoReference.of(mask) for mask in masks]
    for reference in references:
        known.update(name.casefold() for name in (reference.regions if reference else ()))
    if CATEGORY in known:  # every category of COCO's
        return
    labels = None in references
    for name in names:
        if name.casefold() not in known and not (labels and _LABEL.fullmatch(name.casefold())):
            more = " and the labels of masks, such as 1 or #ff0000" if labels else ""
            raise ConfigError(
                f"{key}: no mask can have the region {name!r}{suggestion(name, known)}; there are "
                f"{', '.join(sorted(known))}{more}."
            )


def _sentence(masked: int, total: int, pairs: PairTable, recipe: MethodRecipe) -> str:
    uses = []
    if recipe.keep:
        uses.append(f"{' and '.join(recipe.keep)} stays as the content shows it")
    if recipe.regions:
        uses.append(f"the styles of a pair go to {', '.join(recipe.regions)}")
    elif any(STYLE_MASK in setting.extras for setting in pairs.settings) or any(
        len(combination.styles) > 1 for combination in pairs.combinations
    ):
        uses.append("regions take styles, or regions of styles, of their own where the manifest names them")
    counted = f"{masked} of {total} pairs have a mask"
    if not uses:
        keys = "method.keep says what stays as it is, method.regions which style goes where"
        return f"{counted}, which nothing uses: {keys}."
    return f"{counted}: {'; '.join(uses)}."
