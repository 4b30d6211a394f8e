"""Style losses on sets of feature vectors of all layers together; of the style they keep the pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import torch
from torch import Tensor

from nst_core.engine.recipe import StyleTerm
from nst_core.engine.style_losses.base import (
    BatchLoss,
    LayerMaps,
    LossBlend,
    LossSetting,
    LossTarget,
    Maps,
    StyleLoss,
)
from nst_core.engine.tiling.extractor import TiledExtractor
from nst_core.engine.tiling.readings import LayerReading, Reading


class FeatureSetStyle(StyleLoss):
    """A style loss whose batches are `batch_loss`: its features are made at each scale, from the picture.

    Attributes:
        batch_loss: the loss of a batch at one scale.
    """

    batch_loss: type[FeatureSetLoss]

    def target(self, image: Tensor, maps: Maps) -> LossTarget:
        return {"image": image}

    def of_batch(self, blends: Sequence[LossBlend], setting: LossSetting) -> BatchLoss:
        return self.batch_loss(self.term, blends, setting)


class FeatureSetLoss(BatchLoss):
    """A style loss on sets of feature vectors, for a batch, at one scale. Its targets are made by `begin`.

    Args:
        blends: of each pair, the shares and pictures of its styles, each (3, H, W) sRGB in [0, 1], at the scale.
    """

    def __init__(self, term: StyleTerm, blends: Sequence[LossBlend], setting: LossSetting) -> None:
        self.term, self.blends, self.setting = term, blends, setting

    def layers(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.term.layers)

    def maps(self, images: Tensor) -> Mapping[str, Tensor]:
        """The feature maps of images, (B, 3, H, W)."""
        maps: Mapping[str, Tensor] = self.setting.extractor(images, self.layers())
        return maps

    def read(self, images: Tensor, reading: Reading) -> LayerMaps:
        """The same, or, where maps are computed in tiles, what is read of them."""
        extractor, names = self.setting.extractor, self.layers()
        if not isinstance(extractor, TiledExtractor):
            return self.maps(images)
        values, shapes = extractor.read(images, [(name, reading) for name in names]), extractor.shapes(images, names)
        return {name: LayerReading(value, shapes[name]) for name, value in zip(names, values, strict=True)}

    def per_style(self, make: Callable[[LossBlend], Tensor]) -> Iterator[tuple[int, Tensor]]:
        """(row, tensor) for each pair, made once for pairs with the same style, in an order of styles."""
        rows: dict[tuple[tuple[float, int], ...], list[int]] = {}
        for row, blend in enumerate(self.blends):
            rows.setdefault(tuple((share, id(target["image"])) for share, target in blend), []).append(row)
        for of_one in rows.values():
            made = make(self.blends[of_one[0]])
            yield from ((row, made) for row in of_one)


def generator(seed: int, evaluation: int) -> torch.Generator:
    """What draws for a pair at an evaluation, on the CPU: the same on every device, and in every batch."""
    return torch.Generator().manual_seed((seed * 1_000_003 + evaluation) % 2**63)


def counts_by_share(most: int, blend: LossBlend) -> list[int]:
    """How many of `most` vectors each style gives, at least 1."""
    return [max(1, round(most * share)) for share, _ in blend]
