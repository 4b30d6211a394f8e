"""Style losses on sets of feature vectors of all layers together; of the style they keep the pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import torch
from torch import Tensor

from nst_core.engine.regions import region_labels
from nst_core.engine.style_losses.base import (
    BatchLoss,
    LayerMaps,
    LossBlend,
    LossRegion,
    LossSetting,
    LossTarget,
    Maps,
    StyleLoss,
)
from nst_core.engine.terms import StyleTerm
from nst_core.engine.tiling.extractor import TiledExtractor
from nst_core.engine.tiling.readings import LayerReading, Reading


class FeatureSetStyle(StyleLoss):
    """A style loss whose batches are `batch_loss`: its features are made at each scale, from the picture.

    Attributes:
        batch_loss: the loss of a batch at one scale.
    """

    blends_content = False
    batch_loss: type[FeatureSetLoss]

    def target(self, image: Tensor, maps: Maps, guide: Tensor | None = None) -> LossTarget:
        return set_target(image, guide)

    def of_batch(self, pairs: Sequence[Sequence[LossRegion]], setting: LossSetting) -> BatchLoss:
        return self.batch_loss(self.term, pairs, setting)


class FeatureSetLoss(BatchLoss):
    """A style loss on sets of feature vectors, for a batch, at one scale. Its targets are made by `begin`.

    Args:
        pairs: of each pair its regions, with the shares and pictures of their styles, each (3, H, W) sRGB in [0, 1], at
            the scale, and, where not all of a picture is meant, its guide, (H, W).
    """

    def __init__(self, term: StyleTerm, pairs: Sequence[Sequence[LossRegion]], setting: LossSetting) -> None:
        self.term, self.pairs, self.setting = term, pairs, setting
        self.guided = any(region.guide is not None for regions in pairs for region in regions)

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

    def per_style(self, make: Callable[[LossBlend], Tensor]) -> Iterator[tuple[int, int, Tensor]]:
        """(row, number of the region, tensor) for each, made once for those of one style, in an order of styles."""
        places: dict[tuple[tuple[float, int, int], ...], list[tuple[int, int]]] = {}
        for row, regions in enumerate(self.pairs):
            for number, region in enumerate(regions):
                key = tuple((share, id(target["image"]), id(target.get("guide"))) for share, target in region.blend)
                places.setdefault(key, []).append((row, number))
        for of_one in places.values():
            row, number = of_one[0]
            made = make(self.pairs[row][number].blend)
            yield from ((row, number, made) for row, number in of_one)

    def labels(self, height: int, width: int) -> list[Tensor]:
        """For each pair the number of the region of each of h × w places, (h, w); −1: of none."""
        device = self.setting.contents.device
        return [
            torch.zeros(height, width, dtype=torch.int64, device=device)
            if regions[0].guide is None
            else region_labels([region.guide for region in regions if region.guide is not None], height, width)
            for regions in self.pairs
        ]

    def place_weights(self, labels: Sequence[Tensor]) -> Tensor:
        """The weight of each place of each pair, (B, h·w): a region's share over the number of its places."""
        return torch.stack([self._weights(one, regions) for one, regions in zip(labels, self.pairs, strict=True)])

    def _weights(self, labels: Tensor, regions: Sequence[LossRegion]) -> Tensor:
        inside = [(labels == number).flatten().float() for number in range(len(regions))]
        weights = [region.share * one / one.sum().clamp_min(1) for one, region in zip(inside, regions, strict=True)]
        return torch.stack(weights).sum(dim=0)


def set_target(image: Tensor, guide: Tensor | None) -> LossTarget:
    """What a loss on sets keeps of a picture, (3, H, W): itself, and the region of it that is meant, (H, W)."""
    return {"image": image} if guide is None else {"image": image, "guide": guide}


def generator(seed: int, evaluation: int) -> torch.Generator:
    """What draws for a pair at an evaluation, on the CPU: the same on every device, and in every batch."""
    return torch.Generator().manual_seed((seed * 1_000_003 + evaluation) % 2**63)


def counts_by_share(most: int, blend: LossBlend) -> list[int]:
    """How many of `most` vectors each style gives, at least 1."""
    return [max(1, round(most * share)) for share, _ in blend]
