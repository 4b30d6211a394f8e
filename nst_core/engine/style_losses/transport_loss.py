"""The style loss of STROTSS: relaxed earth mover's distance, moments and palette, at places drawn anew.

Kolkin, Salavon, Shakhnarovich 2019 (arXiv 1904.12785).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from nst_core.engine.style_losses.base import LayerMaps, LossBlend
from nst_core.engine.style_losses.feature_sets import FeatureSetLoss, FeatureSetStyle, counts_by_share, generator
from nst_core.engine.tiling.readings import Reading, SamplesAt
from nst_core.engine.transport import (
    Moments,
    moment_distance,
    moments,
    palette_distance,
    random_places,
    relaxed_emd,
    sampled,
)

PLACES = 1024
"""Places of a result at which its features are compared."""

STYLE_PLACES = 5000
"""Places of a style; whatever its size, so that those of a batch are one tensor."""


class TransportLoss(FeatureSetLoss):
    """`remd + moments + palette / max(α, 1)`, α being the content's weight at this scale over the style's.

    The feature vectors are hypercolumns with the colour in front. Those of the style are drawn once per scale.
    """

    changes = True
    style: Tensor
    places: Tensor

    @torch.no_grad()
    def begin(self, start: Tensor) -> None:
        sets: list[Tensor] = [start] * len(start)
        for row, vectors in self.per_style(self._style_vectors):
            sets[row] = vectors
        self.style = torch.stack(sets)
        self.moments = moments(self.style)
        self.draw(0)

    def draw(self, evaluation: int) -> None:
        self.places = drawn_places(self.setting.seeds, evaluation, self.setting.contents)

    def readings(self, shapes: Mapping[str, torch.Size]) -> Mapping[str, Reading]:
        return {name: SamplesAt(self.places) for name in self.layers()}

    def values(self, images: Tensor, maps: LayerMaps) -> Tensor:
        own = self._vectors(images, maps, self.places)
        palette = palette_distance(own[..., :3], self.style[..., :3])
        return (
            relaxed_emd(own, self.style)
            + moment_distance(moments(own), self.moments)
            + palette / self.setting.content_weight.clamp_min(1)
        )

    def scale(self, images: Tensor, maps: LayerMaps) -> Tensor:
        zero = Moments(*map(torch.zeros_like, self.moments))
        return 2 + moment_distance(zero, self.moments)

    def kept_bytes(self) -> int:
        return sum(tensor.nbytes for tensor in (self.style, *self.moments))

    def _vectors(self, images: Tensor, maps: LayerMaps, places: Tensor) -> Tensor:
        layers = [maps[name] if weight == 1 else weight * maps[name] for name, weight in self.term.layers]
        return sampled([images, *layers], places)

    def _style_vectors(self, blend: LossBlend) -> Tensor:
        """(STYLE_PLACES, N), of each picture as many as its share, at places that are the same for every pair."""
        counts = counts_by_share(STYLE_PLACES, blend)
        counts[0] += STYLE_PLACES - sum(counts)
        sets = []
        for (_, target), count in zip(blend, counts, strict=True):
            image = target["image"]
            places = random_places(count, generator(0, count))[None].to(image.device)
            sets.append(self._vectors(image[None], self.read(image[None], SamplesAt(places)), places)[0])
        return torch.cat(sets)


class TransportStyle(FeatureSetStyle):
    """The relaxed earth mover's distance, with moments and palette."""

    batch_loss = TransportLoss
    summed = True


def drawn_places(seeds: Sequence[int], evaluation: int, like: Tensor) -> Tensor:
    """The places of an evaluation, (B, PLACES, 2), by the pairs' seeds."""
    return torch.stack([random_places(PLACES, generator(seed, evaluation)) for seed in seeds]).to(like.device)
