"""Contents, style targets and optimiser states at the scales of a schedule.

All pictures of a pair are scaled by one factor, style and padded content alike, so that what was painted at a coarse
scale is as large at the next one as the style's strokes there; a batch of one shape stays one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch.nn.functional as F
from torch import Tensor

from nst_core.engine.batch import Pairs
from nst_core.engine.features.base import Extractor
from nst_core.engine.objective import StyleTarget, style_target
from nst_core.engine.recipe import Recipe, scaled_side


def style_target_of_scales(
    image: Tensor, recipe: Recipe, extractor: Extractor, content: Tensor | None = None
) -> StyleTarget:
    """The target of one style image, with those of the coarser scales of the recipe: see `style_target`."""

    def at(factor: float) -> StyleTarget:
        own = None if content is None else _scaled(content, factor)
        return style_target(_scaled(image, factor), recipe, extractor, own)

    target = style_target(image, recipe, extractor, content)
    return replace(target, coarser={factor: at(factor) for factor in recipe.coarser_factors()})


def pairs_at(pairs: Pairs, factor: float) -> Pairs:
    """The batch at a scale: contents (B, 3, h, w), and the targets made for that scale.

    Raises:
        ValueError: the targets were made without that scale.
    """
    if factor == 1:
        return pairs
    if not all(factor in target.coarser for target in pairs.targets):
        raise ValueError("a schedule of scales needs targets made under the same recipe")
    targets = [target.coarser[factor] for target in pairs.targets]
    return replace(pairs, contents=_scaled(pairs.contents, factor), targets=targets)


def resized(images: Tensor, shape: Sequence[int]) -> Tensor:
    """Images (B, 3, H, W) at another shape (h, w), in [0, 1]: bicubic, without aliasing."""
    if tuple(images.shape[2:]) == tuple(shape):
        return images
    shrinks = shape[0] < images.shape[2]
    return F.interpolate(images, tuple(shape), mode="bicubic", antialias=shrinks).clamp(0, 1)


def _scaled(images: Tensor, factor: float) -> Tensor:
    """An image (3, H, W), or images (B, 3, H, W), smaller by a factor."""
    batch = images if images.ndim == 4 else images[None]
    found = resized(batch, [scaled_side(side, factor) for side in batch.shape[2:]])
    return found if images.ndim == 4 else found[0]
