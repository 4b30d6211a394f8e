"""The loss of a batch of pairs under a recipe: targets once, then one value per image and term at each evaluation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from nst_core.engine.colour import ColourStatistics, blend_statistics, colour_statistics, match_colours
from nst_core.engine.features.base import Extractor
from nst_core.engine.losses import CONTENT_LOSSES, STYLE_LOSSES, gram_matrix, out_of_range, total_variation
from nst_core.engine.recipe import Recipe


@dataclass(frozen=True)
class StyleTarget:
    """What a recipe keeps of a style image, independent of any content: compute once, reuse for every content.

    Attributes:
        grams: by layer, the Gram matrix divided by the number of positions, (N, N) float32.
        colours: mean and covariance of the style's pixels.
    """

    grams: dict[str, Tensor]
    colours: ColourStatistics


@dataclass(frozen=True)
class LossTerms:
    """One value per image and term, each (B,) float32: layer weights included, α, β and the TV weight not."""

    content: Tensor
    style: Tensor
    tv: Tensor
    total: Tensor

    def stacked(self) -> Tensor:
        """(4, B): content, style, tv, total."""
        return torch.stack([self.content, self.style, self.tv, self.total])


@torch.no_grad()
def style_target(image: Tensor, recipe: Recipe, extractor: Extractor) -> StyleTarget:
    """The target of one style image, (3, H, W) sRGB in [0, 1], already at `size · style_scale`."""
    names = [name for name, _ in recipe.style.layers]
    maps = extract(image[None], names, recipe, extractor)
    return StyleTarget({name: gram_matrix(maps[name])[0] for name in names}, colour_statistics(image))


def blend_targets(targets: Sequence[StyleTarget], shares: Sequence[float]) -> StyleTarget:
    """The target of several styles at once: their Gram matrices and colours, weighted by shares (made to sum to 1)."""
    if len(targets) == 1:
        return targets[0]
    whole = sum(shares)
    shares = [share / whole for share in shares]
    grams = {
        name: torch.stack([s * t.grams[name] for t, s in zip(targets, shares, strict=True)]).sum(dim=0)
        for name in targets[0].grams
    }
    return StyleTarget(grams, blend_statistics([t.colours for t in targets], shares))


class Objective:
    """`alpha·content + beta·style + tv_weight·tv` for a batch of pairs.

    Args:
        contents: (B, 3, H, W) sRGB in [0, 1], at the size that is optimised.
        targets: one per image of the batch.
        alpha, beta: (B,) weights in place of the recipe's, for rows of a manifest that have their own.
    """

    def __init__(
        self,
        recipe: Recipe,
        extractor: Extractor,
        contents: Tensor,
        targets: Sequence[StyleTarget],
        alpha: Tensor | None = None,
        beta: Tensor | None = None,
    ) -> None:
        self.recipe, self.extractor = recipe, extractor
        self.alpha = contents.new_full((len(contents),), recipe.alpha) if alpha is None else alpha
        self.beta = contents.new_full((len(contents),), recipe.beta) if beta is None else beta
        self.grams = {name: torch.stack([t.grams[name] for t in targets]) for name, _ in recipe.style.layers}
        self.matched: Tensor | None = None
        if recipe.content.colours == "style" or recipe.start == "colour_matched":
            self.matched = torch.stack([match_colours(c, t.colours) for c, t in zip(contents, targets, strict=True)])
        compared = self.matched if recipe.content.colours == "style" and self.matched is not None else contents
        with torch.no_grad():
            self.content_maps = extract(compared, [name for name, _ in recipe.content.layers], recipe, extractor)

    def terms(self, images: Tensor) -> LossTerms:
        """The losses of `images`, (B, 3, H, W); differentiable."""
        maps = extract(images, self.recipe.layer_names(), self.recipe, self.extractor)
        content = self._content(maps)
        style = self._style({name: gram_matrix(maps[name]) for name in self.grams})
        tv = total_variation(images)
        return LossTerms(content, style, tv, self.alpha * content + self.beta * style + self.recipe.tv_weight * tv)

    @torch.no_grad()
    def scale(self) -> Tensor:
        """`alpha·content + beta·style` where all feature maps are zero, (B,): what is a large loss for each pair."""
        content = self._content({name: torch.zeros_like(maps) for name, maps in self.content_maps.items()})
        style = self._style({name: torch.zeros_like(gram) for name, gram in self.grams.items()})
        return self.alpha * content + self.beta * style

    def minimised(self, terms: LossTerms, images: Tensor) -> Tensor:
        """What the optimiser minimises, (B,): the total, and the penalty on values that cannot be displayed."""
        if not self.recipe.range_weight:
            return terms.total
        return terms.total + self.recipe.range_weight * out_of_range(images)

    def _content(self, maps: Mapping[str, Tensor]) -> Tensor:
        term = self.recipe.content
        loss = CONTENT_LOSSES[term.loss]
        losses = (weight * loss(maps[name], self.content_maps[name]) for name, weight in term.layers)
        return sum(losses, start=torch.zeros_like(self.alpha))

    def _style(self, grams: Mapping[str, Tensor]) -> Tensor:
        term = self.recipe.style
        loss = STYLE_LOSSES[term.loss]
        losses = (weight * loss(grams[name], self.grams[name]) for name, weight in term.layers)
        return sum(losses, start=torch.zeros_like(self.alpha))


def extract(images: Tensor, names: Sequence[str], recipe: Recipe, extractor: Extractor) -> dict[str, Tensor]:
    """Feature maps, with convolutions in bfloat16 where the recipe (its precision resolved) says so."""
    with torch.autocast(images.device.type, torch.bfloat16, enabled=recipe.precision == "bfloat16"):
        maps: dict[str, Tensor] = extractor(images, names)
    return maps
