"""The masks of planned pairs as the engine takes them: regions of the content, each with the target of its style."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from nst_core.engine.images.label_images import LabelImage
from nst_core.engine.images.pixels import Pixels, pad_by_reflection
from nst_core.engine.recipe import Recipe
from nst_core.engine.regions import Regions, soft_mask
from nst_core.engine.style_targets import StyleTarget, blend_targets, regional_target
from nst_core.sources.pair_masks import PairMasks

Bits = NDArray[np.bool_]


@dataclass(frozen=True)
class StyleMask:
    """A region of a style image: its pixels, (H, W), in any size."""

    bits: Bits

    @property
    def sha256(self) -> str:
        return sha256(np.packbits(self.bits).tobytes() + str(self.bits.shape).encode()).hexdigest()

    def guide(self, width: int, height: int) -> Tensor:
        """(height, width) float32: 1 where the region is."""
        resized = Image.fromarray(self.bits.astype(np.uint8)).resize((width, height), Image.Resampling.NEAREST)
        return torch.from_numpy(np.array(resized, np.float32))


TargetOf = Callable[[int, "StyleMask | None"], StyleTarget]
"""The target of a pair's style by its place: of a region of it, or of the whole image."""


def kept_pixels(masks: PairMasks, recipe: Recipe, width: int, height: int, edge: int) -> NDArray[np.float32]:
    """(height, width) in [0, 1]: 1 where the content stays."""
    mask = masks.content.resized(width, height).mask(recipe.keep)
    return _soft(mask, edge)


def masked_target(
    masks: PairMasks, pixels: Pixels, shares: Sequence[float], recipe: Recipe, target_of: TargetOf
) -> StyleTarget:
    """The target of a pair for a content of `pixels`, (H, W, 3), whose styles have these shares.

    A region that its style's mask lacks takes the whole style; regions that the content lacks are left out.
    """
    height, width = pixels.shape[:2]
    labels = masks.content.resized(width, height)
    kept = labels.mask(recipe.keep)
    styles = _Styles(masks, shares, target_of)
    painted = [(mask & ~kept, make) for mask, make in _regions(labels, styles, recipe) if (mask & ~kept).any()]
    if not painted:  # all of it is kept
        painted = [(np.zeros((height, width), bool), lambda: target_of(0, None))]
    if len(painted) == 1 and not kept.any():
        return painted[0][1]()
    edge = round(recipe.edge)
    planes = np.stack([*(_soft(mask, edge) for mask, _ in painted), _soft(kept, edge)])
    padded = pad_by_reflection(torch.from_numpy(planes), *recipe.padded(width, height))
    parts = [make() for _, make in painted]
    padded = padded.to(parts[0].colours.mean.device)
    return regional_target(Regions(padded[:-1], padded[-1]), parts)


def _regions(labels: LabelImage, styles: _Styles, recipe: Recipe) -> Iterator[tuple[Bits, Callable[[], StyleTarget]]]:
    """Every region of a content, none overlapping another, and what makes its target."""
    if recipe.regions:
        left = np.ones(labels.labels.shape, bool)
        for number, name in enumerate(recipe.regions):
            mask = labels.mask([name]) & left
            yield mask, lambda number=number, name=name: styles.one(number % len(styles.shares), name)  # type: ignore[misc]
            left &= ~mask
        yield left, styles.blend
    elif styles.masks.by_number:
        for label in labels.numbers():
            name, mask = labels.name_of(label), labels.labels == label
            if label == 0:
                yield mask, lambda name=name: styles.blend(name)  # type: ignore[misc]
            else:
                yield mask, lambda label=label, name=name: styles.one(label - 1, name)  # type: ignore[misc]
    elif any(masks is not None for masks in styles.masks.styles):
        for name in labels.regions():
            yield labels.mask([name]), lambda name=name: styles.blend(name)  # type: ignore[misc]
    else:
        yield np.ones(labels.labels.shape, bool), styles.blend


@dataclass(frozen=True)
class _Styles:
    """The styles of a pair."""

    masks: PairMasks
    shares: Sequence[float]
    target_of: TargetOf

    def one(self, place: int, region: str | None = None) -> StyleTarget:
        """The target of a style; of the region of that name, where its mask has it."""
        labels = self.masks.styles[place] if place < len(self.masks.styles) else None
        bits = None if labels is None or region is None else labels.mask([region])
        return self.target_of(place, None if bits is None or not bits.any() or bits.all() else StyleMask(bits))

    def blend(self, region: str | None = None) -> StyleTarget:
        """The target of all styles."""
        return blend_targets([self.one(place, region) for place in range(len(self.shares))], self.shares)


def _soft(mask: Bits, edge: int) -> NDArray[np.float32]:
    soft: NDArray[np.float32] = soft_mask(torch.from_numpy(mask.astype(np.float32)), edge).numpy()
    return soft
