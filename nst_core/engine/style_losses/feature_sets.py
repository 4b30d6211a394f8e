"""The interface of style losses that compare sets of feature vectors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from nst_core.engine.features.base import Extractor
from nst_core.engine.recipe import StyleTerm


@dataclass(frozen=True)
class StyleImages:
    """The style of a pair as pictures.

    Attributes:
        images: each (3, H, W) sRGB in [0, 1], at the scale.
        shares: of each, they sum to 1.
    """

    images: tuple[Tensor, ...]
    shares: tuple[float, ...]


NO_IMAGES = StyleImages((), ())


@dataclass(frozen=True)
class LossSetting:
    """What a loss is made from, at one scale of a batch of B pairs.

    Attributes:
        contents: (B, 3, H, W) sRGB in [0, 1].
        styles, seeds: one per pair.
        coarsest: whether no coarser scale was optimised before.
    """

    term: StyleTerm
    extractor: Extractor
    contents: Tensor
    styles: Sequence[StyleImages]
    seeds: Sequence[int]
    coarsest: bool

    def layers(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.term.layers)

    def maps(self, images: Tensor) -> Mapping[str, Tensor]:
        """The feature maps of images, (B, 3, H, W)."""
        maps: Mapping[str, Tensor] = self.extractor(images, self.layers())
        return maps

    def per_style(self, make: Callable[[StyleImages], Tensor]) -> Iterator[tuple[int, Tensor]]:
        """(row, tensor) for each pair, made once for pairs with the same style, in an order of styles."""
        rows: dict[tuple[int, ...], list[int]] = {}
        for row, style in enumerate(self.styles):
            rows.setdefault((*map(id, style.images), *map(hash, style.shares)), []).append(row)
        for of_one in rows.values():
            made = make(self.styles[of_one[0]])
            yield from ((row, made) for row in of_one)


class FeatureSetLoss:
    """A style loss on sets of feature vectors, for a batch, at one scale. Every image for itself.

    Attributes:
        changes: whether values differ between evaluations at the same images: nothing may then be captured as a graph.
    """

    changes = False

    def __init__(self, setting: LossSetting) -> None:
        self.setting = setting

    def begin(self, start: Tensor) -> None:
        """Make the targets; `start`, (B, 3, H, W), are the images that the scale starts from."""

    def draw(self, evaluation: int) -> None:
        """Draw what is random for the evaluation of this number, by the pairs' seeds."""

    def values(self, images: Tensor, maps: Mapping[str, Tensor], content_weight: Tensor) -> Tensor:
        """The loss of images (B, 3, H, W) with feature maps `maps`, (B,); differentiable.

        Args:
            content_weight: (B,), the content's weight at this scale over the style's.
        """
        raise NotImplementedError

    def scale(self) -> Tensor:
        """A large loss for each pair, (B,)."""
        raise NotImplementedError

    def kept_bytes(self) -> int:
        """Memory of the targets."""
        raise NotImplementedError


def generator(seed: int, evaluation: int) -> torch.Generator:
    """What draws for a pair at an evaluation, on the CPU: the same on every device, and in every batch."""
    return torch.Generator().manual_seed((seed * 1_000_003 + evaluation) % 2**63)


def counts_by_share(most: int, shares: Sequence[float]) -> list[int]:
    """How many of `most` vectors each style gives, at least 1."""
    return [max(1, round(most * share)) for share in shares]
