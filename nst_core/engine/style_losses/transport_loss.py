"""The style loss of STROTSS: relaxed earth mover's distance, moments and palette, at places drawn anew.

Kolkin, Salavon, Shakhnarovich 2019 (arXiv 1904.12785).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from nst_core.engine.style_losses.base import LayerMaps, LossBlend, LossRegion
from nst_core.engine.style_losses.feature_sets import (
    FeatureSetLoss,
    FeatureSetStyle,
    counts_by_share,
    generator,
    set_target,
)
from nst_core.engine.tiling.readings import Reading, SamplesAt
from nst_core.engine.transport import (
    Moments,
    moment_distance,
    moments,
    palette_distance,
    random_places,
    random_places_in,
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

    The feature vectors are hypercolumns with the colour in front. Those of the style are drawn once per scale. Each
    region of a picture has places and vectors of its own, as many as a picture without. For weak strengths the loss is
    averaged with the same of the content's vectors.

    Attributes:
        shares: (B, R), of the regions of each pair; those of pairs with fewer are filled up, with a share of 0.
    """

    changes = True
    style: TransportTarget
    content: TransportTarget | None
    places: Tensor

    @torch.no_grad()
    def begin(self, start: Tensor) -> None:
        most = self.most
        shares = [[region.share for region in regions] + [0.0] * (most - len(regions)) for regions in self.pairs]
        self.shares = self.setting.contents.new_tensor(shares, dtype=torch.float32)
        sets: list[list[Tensor]] = [[start] * len(regions) for regions in self.pairs]
        for row, number, vectors in self.per_style(self._style_vectors):
            sets[row][number] = vectors
        self.style = TransportTarget.of(self._stacked(sets))
        weak = self.setting.weak_contents
        self.content = None if weak is None else TransportTarget.of(self._content_vectors(weak))
        self.draw(0)

    @property
    def most(self) -> int:
        """The most regions of a pair."""
        return max(map(len, self.pairs))

    def draw(self, evaluation: int) -> None:
        if not self.guided:
            self.places = drawn_places(self.setting.seeds, evaluation, self.setting.contents)
            return
        pairs = zip(self.pairs, self.setting.seeds, strict=True)
        places = [_filled_up(_places_of(regions, generator(seed, evaluation)), self.most) for regions, seed in pairs]
        self.places = torch.stack([torch.cat(row) for row in places]).to(self.setting.contents.device)

    def readings(self, shapes: Mapping[str, torch.Size]) -> Mapping[str, Reading]:
        return {name: SamplesAt(self.places) for name in self.layers()}

    def values(self, images: Tensor, maps: LayerMaps) -> Tensor:
        count, most = self.shares.shape
        own = self._vectors(images, maps, self.places)
        own = own.reshape(count * most, -1, own.shape[2])  # the regions one below the other
        style = self._by_shares(self._distance(own, self.style))
        if self.content is None or self.setting.strengths is None:
            return style
        return self.setting.strengths.blended(self._by_shares(self._distance(own, self.content)), style)

    def scale(self, images: Tensor, maps: LayerMaps) -> Tensor:
        zero = Moments(*map(torch.zeros_like, self.style.moments))
        return self._by_shares(2 + moment_distance(zero, self.style.moments))

    def _by_shares(self, losses: Tensor) -> Tensor:
        return (self.shares * losses.view(self.shares.shape)).sum(dim=1)

    def kept_bytes(self) -> int:
        kept = [self.style] if self.content is None else [self.style, self.content]
        return sum(tensor.nbytes for target in kept for tensor in (target.vectors, *target.moments))

    def _distance(self, own: Tensor, target: TransportTarget) -> Tensor:
        palette = palette_distance(own[..., :3], target.vectors[..., :3])
        weight = self.setting.content_weight.clamp_min(1).repeat_interleave(self.most)
        return relaxed_emd(own, target.vectors) + moment_distance(moments(own), target.moments) + palette / weight

    def _stacked(self, sets: Sequence[list[Tensor]]) -> Tensor:
        """The vectors of all regions, one below the other."""
        return torch.stack([one for row in sets for one in _filled_up(row, self.most)])

    def _content_vectors(self, contents: Tensor) -> Tensor:
        """(B·R, STYLE_PLACES, N), drawn as those of a style."""
        sets = []
        for image, regions in zip(contents, self.pairs, strict=True):
            sets.append([self._style_vectors(((1.0, set_target(image, region.guide)),)) for region in regions])
        return self._stacked(sets)

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
            places = _drawn(count, target.get("guide"), generator(0, count))[None].to(image.device)
            sets.append(self._vectors(image[None], self.read(image[None], SamplesAt(places)), places)[0])
        return torch.cat(sets)


class TransportStyle(FeatureSetStyle):
    """The relaxed earth mover's distance, with moments and palette."""

    batch_loss = TransportLoss
    summed = True


def drawn_places(seeds: Sequence[int], evaluation: int, like: Tensor) -> Tensor:
    """The places of an evaluation, (B, PLACES, 2), by the pairs' seeds."""
    return torch.stack([random_places(PLACES, generator(seed, evaluation)) for seed in seeds]).to(like.device)


def _places_of(regions: Sequence[LossRegion], draws: torch.Generator) -> list[Tensor]:
    return [_drawn(PLACES, region.guide, draws) for region in regions]


def _drawn(count: int, guide: Tensor | None, draws: torch.Generator) -> Tensor:
    return random_places(count, draws) if guide is None else random_places_in(count, guide, draws)


def _filled_up(tensors: list[Tensor], count: int) -> list[Tensor]:
    return [*tensors, *[tensors[0]] * (count - len(tensors))]
