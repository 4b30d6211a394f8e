"""The interface of style losses: targets once per style image, then one value per image and evaluation."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from nst_core.engine.features.base import Extractor
from nst_core.engine.strength import Strengths
from nst_core.engine.terms import StyleTerm
from nst_core.engine.tiling.extractor import TiledExtractor
from nst_core.engine.tiling.readings import LayerReading, Reading

LossTarget = Mapping[str, Tensor]
"""What a loss keeps of one style image, by layer or any other name: its tensors are cached, and count as its size."""

LayerMaps = Mapping[str, Tensor | LayerReading]
"""By layer, its maps (B, N, h, w), or what a loss asked to have read of them."""

Maps = Callable[[Tensor], Mapping[str, Tensor]]
"""An image, (3, H, W), to the feature maps of the recipe's style layers, each (1, N, h, w)."""

LossBlend = tuple[tuple[float, LossTarget], ...]
"""The target of a region: of each of its styles, its share (they sum to 1) and what the loss keeps of it."""


@dataclass(frozen=True)
class LossRegion:
    """A region of a pair's picture, and the target of its style; a pair without regions is one without a guide.

    Attributes:
        share: of the picture: the weight of its loss.
        guide: (H, W) float32 in [0, 1] at the scale, 1 where the region is; None: all of the picture.
    """

    blend: LossBlend
    share: float = 1.0
    guide: Tensor | None = None


@dataclass(frozen=True)
class LossSetting:
    """What a batch of B pairs is, at one scale, for losses that look at more than the maps of the result.

    Attributes:
        contents: (B, 3, H, W) sRGB in [0, 1].
        seeds: one per pair.
        content_weight: (B,), the content's weight at this scale over the style's.
        coarsest: whether no coarser scale was optimised before.
        strengths: of the pairs; None where they change nothing.
        weak_contents: (B, 3, H, W), where any strength is weak: what joins the styles, the contents in their colours.
    """

    extractor: Extractor
    contents: Tensor
    seeds: Sequence[int]
    content_weight: Tensor
    coarsest: bool = True
    strengths: Strengths | None = None
    weak_contents: Tensor | None = None

    def content_shares(self, share: float) -> float | Tensor:
        """A share of the content in something, at the strengths: (B, 1, 1, 1), or the share itself without any."""
        return share if self.strengths is None else self.strengths.content_shares(share).view(-1, 1, 1, 1)


class BatchLoss:
    """A style loss with the targets of a batch, at one scale. Images never mix.

    `begin` is called once, `draw` before each evaluation; `values` may be called more often, also before either.

    Attributes:
        changes: whether the same images may have other values at another evaluation: then nothing is captured as a
            graph.
    """

    changes = False

    def begin(self, start: Tensor) -> None:
        """Make what depends on the images that the scale starts from, (B, 3, H, W) in [0, 1]."""

    def draw(self, evaluation: int) -> None:
        """Make anew what is random, or depends on the present images, at the evaluation of this number.

        Numbers count over all scales. What is drawn may depend on the number and on the pair's seed, never on the
        place in the batch.
        """

    def readings(self, shapes: Mapping[str, torch.Size]) -> Mapping[str, Reading]:
        """What is read of layers of these shapes, (B, N, h, w), where maps are computed in tiles.

        `values` gets it at the same evaluation in place of the maps; whole maps of the layers that are not named here.
        """
        return {}

    def values(self, images: Tensor, maps: LayerMaps) -> Tensor:
        """The loss of images (B, 3, H, W) with feature maps (B, N, h, w), (B,) in at least float32; differentiable."""
        raise NotImplementedError

    def scale(self, images: Tensor, maps: LayerMaps) -> Tensor:
        """A large loss for each pair, (B,): by default that of these images and maps, which are zeros."""
        return self.values(images, maps)

    def kept_bytes(self) -> int:
        """Memory of the targets, in bytes."""
        raise NotImplementedError


class StyleLoss(ABC):
    """A style loss, as a term of a recipe asks for it.

    Attributes:
        blends_content: whether the content of a picture of weak strength becomes one of its styles. If not, the loss
            itself attends to `LossSetting.weak_contents`.
        summed: whether its values follow from what can be read of maps that are computed in tiles; if not, it gets them
            whole.
    """

    blends_content = True
    summed = False

    def __init__(self, term: StyleTerm) -> None:
        self.term = term

    @abstractmethod
    def target(self, image: Tensor, maps: Maps, guide: Tensor | None = None) -> LossTarget:
        """The target of a style image, (3, H, W) sRGB in [0, 1]; `maps` gives those of this or any other image.

        With a guide, (H, W) in [0, 1], of the region of the style image where that is not 0.
        """

    def tiled_target(self, image: Tensor, extractor: TiledExtractor) -> LossTarget:
        """The same where maps are computed in tiles: by default from whole maps."""
        names = [name for name, _ in self.term.layers]
        return self.target(image, lambda view: extractor(view[None], names))

    def target_by(self, extractor: Extractor, image: Tensor, guide: Tensor | None = None) -> LossTarget:
        """The target of a style image, by the extractor of its maps, which may compute them in tiles."""
        if isinstance(extractor, TiledExtractor) and guide is None:
            return self.tiled_target(image, extractor)
        names = [name for name, _ in self.term.layers]
        return self.target(image, lambda view: extractor(view[None], names), guide)

    @abstractmethod
    def of_batch(self, pairs: Sequence[Sequence[LossRegion]], setting: LossSetting) -> BatchLoss:
        """The loss of a batch, from the regions of each pair: the sum of their losses by their shares."""


def blended(blends: Sequence[LossBlend], shares: Sequence[float]) -> LossBlend:
    """The target of a pair with several styles, by shares that sum to 1."""
    return tuple((share * own, target) for blend, share in zip(blends, shares, strict=True) for own, target in blend)
