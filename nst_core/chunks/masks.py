"""The masks of planned pairs: read, and made into the regions that the engine takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256

import numpy as np
import torch
from numpy.typing import NDArray

from nst_core.engine.images.label_images import LabelImage, UnusableMask, decode_labels
from nst_core.engine.images.limits import ImageLimits
from nst_core.engine.images.pixels import Pixels, pad_by_reflection
from nst_core.engine.objective import RegionTargets, StyleTarget, blend_targets
from nst_core.engine.recipe import Recipe
from nst_core.engine.regions import Regions, soft_mask
from nst_core.run_folder.plan_table import PlannedPair
from nst_core.sources.base import MASK, STYLE_MASK
from nst_core.storage.paths import parse_path

TargetOf = Callable[[int, "NDArray[np.bool_] | None", str], StyleTarget]
"""The target of a pair's style by its place: of the region of a mask (H, W) with its hash, or of the whole image."""


@dataclass(frozen=True)
class PairMasks:
    """The label images of a pair; of a style None where it has none."""

    content: LabelImage
    styles: tuple[LabelImage | None, ...] = ()


def has_masks(row: PlannedPair, recipe: Recipe) -> bool:
    """Whether a pair has a mask that matters under the recipe."""
    styled = bool(row.extras.get(STYLE_MASK)) or bool(recipe.regions)
    return bool(row.style_paths and row.extras.get(MASK) and (recipe.keep or styled))


def read_masks(
    row: PlannedPair, content: tuple[int, int], styles: Sequence[tuple[int, int]], limits: ImageLimits
) -> PairMasks:
    """Read the masks of a pair.

    Args:
        content, styles: (width, height) of the original images.

    Raises:
        InputError: a mask is missing, is no label image, or has another shape than its image.
    """
    names = row.extras.get(STYLE_MASK, "").split(";")
    names += [""] * (len(styles) - len(names))
    if len(names) > len(styles):
        raise UnusableMask(names[-1], f"{len(names)} style masks for {len(styles)} styles")
    return PairMasks(
        _read(row.extras[MASK], content, limits),
        tuple(_read(name, size, limits) if name else None for name, size in zip(names, styles, strict=True)),
    )


def kept_pixels(masks: PairMasks, recipe: Recipe, width: int, height: int, edge: int) -> NDArray[np.float32]:
    """(height, width) in [0, 1]: 1 where the content stays."""
    mask = masks.content.resized(width, height).mask(recipe.keep)
    soft: NDArray[np.float32] = soft_mask(torch.from_numpy(mask.astype(np.float32)), edge).numpy()
    return soft


def pair_regions(
    masks: PairMasks, pixels: Pixels, shares: Sequence[float], recipe: Recipe, target_of: TargetOf
) -> RegionTargets | None:
    """The regions of a pair for a content of `pixels`, (H, W, 3); None where there is one style for all of it.

    A region that its style's mask lacks takes the whole style; regions that the content lacks are left out.
    """
    height, width = pixels.shape[:2]
    labels = masks.content.resized(width, height)
    keep = kept_pixels(masks, recipe, width, height, round(recipe.edge))
    kept = labels.mask(recipe.keep)
    guides: list[NDArray[np.bool_]] = []
    targets: list[StyleTarget] = []

    def add(guide: NDArray[np.bool_], target: Callable[[], StyleTarget]) -> None:
        if (guide & ~kept).any():
            guides.append(guide & ~kept)
            targets.append(target())

    def whole() -> StyleTarget:
        return blend_targets([target_of(place, None, "") for place in range(len(shares))], shares)

    if recipe.regions:
        left = np.ones((height, width), bool)
        for number, name in enumerate(recipe.regions):
            place = number % len(shares)
            guide = labels.mask([name]) & left
            add(guide, lambda name=name, place=place: _of_region(masks, place, name, target_of))  # type: ignore[misc]
            left &= ~guide
        add(left, whole)
    elif any(masks.styles):
        for name in labels.regions():
            add(
                labels.mask([name]),
                lambda name=name: blend_targets(  # type: ignore[misc]
                    [_of_region(masks, place, name, target_of) for place in range(len(shares))], shares
                ),
            )
    elif not kept.any():
        return None
    else:
        add(np.ones((height, width), bool), whole)
    if not guides:  # all of it is kept
        guides, targets = [np.zeros((height, width), bool)], [whole()]
    stacked = torch.from_numpy(np.stack([*(g.astype(np.float32) for g in guides), keep]))
    padded = pad_by_reflection(stacked, *recipe.padded(width, height))
    return RegionTargets(Regions(padded[:-1], padded[-1]), targets)


def _of_region(masks: PairMasks, place: int, name: str, target_of: TargetOf) -> StyleTarget:
    labels = masks.styles[place] if place < len(masks.styles) else None
    mask = None if labels is None else labels.mask([name])
    if mask is None or not mask.any() or mask.all():
        return target_of(place, None, "")
    return target_of(place, mask, sha256(np.packbits(mask).tobytes() + str(mask.shape).encode()).hexdigest())


def _read(name: str, size: tuple[int, int], limits: ImageLimits) -> LabelImage:
    from nst_core.sources.coco_regions import PREFIX, read_regions

    found = read_regions(name) if name.startswith(PREFIX) else decode_labels(parse_path(name), limits.max_pixels)
    found.check_fits(name, *size)
    return found
