"""The style loss of STROTSS: relaxed earth mover's distance, moments and palette, at places drawn anew.

Kolkin, Salavon, Shakhnarovich 2019 (arXiv 1904.12785).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from nst_core.engine.style_losses.base import LossBlend
from nst_core.engine.style_losses.feature_sets import FeatureSetLoss, FeatureSetStyle, counts_by_share, generator
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


class TransportTarget(NamedTuple):
    """Feature vectors of a batch, (B, K, N), and their moments."""

    vectors: Tensor
    moments: Moments

    @classmethod
    def of(cls, vectors: Tensor) -> TransportTarget:
        return cls(vectors, moments(vectors))


class TransportLoss(FeatureSetLoss):
    """`remd + moments + palette / max(α, 1)`, α being the content's weight at this scale over the style's.

    The feature vectors are hypercolumns with the colour in front. Those of the style are drawn once per scale. For weak
    strengths the loss is averaged with the same of the content's vectors.
    """

    changes = True
    style: TransportTarget
    content: TransportTarget | None
    places: Tensor

    @torch.no_grad()
    def begin(self, start: Tensor) -> None:
        sets: list[Tensor] = [start] * len(start)
        for row, vectors in self.per_style(self._style_vectors):
            sets[row] = vectors
        self.style = TransportTarget.of(torch.stack(sets))
        weak = self.setting.weak_contents
        self.content = None if weak is None else TransportTarget.of(self._content_vectors(weak))
        self.draw(0)

    def draw(self, evaluation: int) -> None:
        self.places = drawn_places(self.setting.seeds, evaluation, self.setting.contents)

    def values(self, images: Tensor, maps: Mapping[str, Tensor]) -> Tensor:
        own = self._vectors(images, maps, self.places)
        style = self._distance(own, self.style)
        if self.content is None or self.setting.strengths is None:
            return style
        return self.setting.strengths.blended(self._distance(own, self.content), style)

    def scale(self, images: Tensor, maps: Mapping[str, Tensor]) -> Tensor:
        zero = Moments(*map(torch.zeros_like, self.style.moments))
        return 2 + moment_distance(zero, self.style.moments)

    def kept_bytes(self) -> int:
        kept = [self.style] if self.content is None else [self.style, self.content]
        return sum(tensor.nbytes for target in kept for tensor in (target.vectors, *target.moments))

    def _distance(self, own: Tensor, target: TransportTarget) -> Tensor:
        palette = palette_distance(own[..., :3], target.vectors[..., :3])
        return (
            relaxed_emd(own, target.vectors)
            + moment_distance(moments(own), target.moments)
            + palette / self.setting.content_weight.clamp_min(1)
        )

    def _content_vectors(self, contents: Tensor) -> Tensor:
        """(B, STYLE_PLACES, N), drawn as those of a style."""
        blends = [((1.0, {"image": image}),) for image in contents]
        return torch.stack([self._style_vectors(blend) for blend in blends])

    def _vectors(self, images: Tensor, maps: Mapping[str, Tensor], places: Tensor) -> Tensor:
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
            sets.append(self._vectors(image[None], self.maps(image[None]), places)[0])
        return torch.cat(sets)


class TransportStyle(FeatureSetStyle):
    """The relaxed earth mover's distance, with moments and palette."""

    batch_loss = TransportLoss


def drawn_places(seeds: Sequence[int], evaluation: int, like: Tensor) -> Tensor:
    """The places of an evaluation, (B, PLACES, 2), by the pairs' seeds."""
    return torch.stack([random_places(PLACES, generator(seed, evaluation)) for seed in seeds]).to(like.device)
