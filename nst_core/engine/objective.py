"""The loss of a batch of pairs under a recipe: targets once, then one value per image and term per evaluation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from nst_core.engine.colour import (
    ColourStatistics,
    blend_statistics,
    colour_statistics,
    greyscale,
    match_colours,
    match_luminance,
    stacked_statistics,
)
from nst_core.engine.features.base import Extractor
from nst_core.engine.losses import CONTENT_LOSSES, STYLE_LOSSES, TV_LOSSES, gram_matrix, out_of_range
from nst_core.engine.recipe import Recipe
from nst_core.engine.regions import Regions, guided_gram, guides_at, region_batch


@dataclass(frozen=True)
class StyleTarget:
    """The target of a style image: computed once, reused for every content.

    Where the recipe keeps the content's colours, it depends on the content too (`depends_on_content`).

    Attributes:
        grams: by layer, the Gram matrix divided by the number of positions, (N, N) float32.
        colours: mean and covariance of the style's pixels.
        image: the style image itself, (3, H, W), where the recipe starts from it.
    """

    grams: dict[str, Tensor]
    colours: ColourStatistics
    image: Tensor | None = None


@dataclass(frozen=True)
class RegionTargets:
    """The regions of a pair, each with its style target (of the region of a style, or of a whole one)."""

    regions: Regions
    targets: Sequence[StyleTarget]


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


def depends_on_content(recipe: Recipe) -> bool:
    """Whether a style target depends on the content."""
    return recipe.colour == "content"


def luminance_only(recipe: Recipe) -> bool:
    """Whether style is transferred in luminance, and the content's chroma kept."""
    return recipe.colour == "content" and recipe.keep_colour_by == "luminance"


@torch.no_grad()
def style_target(
    image: Tensor, recipe: Recipe, extractor: Extractor, content: Tensor | None = None, guide: Tensor | None = None
) -> StyleTarget:
    """The target of one style image, (3, H, W) sRGB in [0, 1], already at `size · style_scale`.

    Args:
        content: (3, H, W), needed where the recipe keeps the content's colours.
        guide: (H, W), 1 where the region of the style image is that the target is of; by default all of it.

    Raises:
        ValueError: the content is needed and missing.
    """
    if depends_on_content(recipe):
        if content is None:
            raise ValueError("colour: content needs the content image to make a style target")
        image = _recoloured(image, content, recipe)
    names = recipe.style_names()
    maps = extractor(image[None], names) if names else {}
    if guide is None:
        grams = {name: gram_matrix(maps[name])[0] for name in names}
    else:
        guides = {name: guides_at(guide[None, None], *maps[name].shape[2:])[:, 0] for name in names}
        grams = {name: guided_gram(maps[name], guides[name])[0] for name in names}
    return StyleTarget(grams, colour_statistics(image, guide), image if recipe.start == "style" else None)


def _recoloured(style: Tensor, content: Tensor, recipe: Recipe) -> Tensor:
    """The style image before the transfer, where the content's colours are kept."""
    if luminance_only(recipe):
        return match_luminance(style, content)
    return match_colours(style, colour_statistics(content))


def blend_targets(targets: Sequence[StyleTarget], shares: Sequence[float]) -> StyleTarget:
    """Blend several styles: their Gram matrices and colours, weighted by shares (normalised to sum to 1).

    Where the recipe starts from the style image, that is the one with the largest share.
    """
    if len(targets) == 1:
        return targets[0]
    whole = sum(shares)
    shares = [share / whole for share in shares]
    grams = {
        name: torch.stack([s * t.grams[name] for t, s in zip(targets, shares, strict=True)]).sum(dim=0)
        for name in targets[0].grams
    }
    leading = targets[max(range(len(shares)), key=shares.__getitem__)]
    return replace(leading, grams=grams, colours=blend_statistics([t.colours for t in targets], shares))


class Objective:
    """`alpha·content + beta·style + tv_weight·tv` for a batch of pairs.

    Args:
        contents: (B, 3, H, W) sRGB in [0, 1], at the size that is optimised.
        targets: one per image of the batch.
        alpha, beta: (B,) weights in place of the recipe's, for rows of a manifest that have their own.
        regions: the regions of each pair, None where it has none; empty where no pair has any.

    Attributes:
        contents: the contents; in grey where only luminance is transferred.
        matched: the contents in their styles' colours, where the recipe needs them, else None.
    """

    def __init__(
        self,
        recipe: Recipe,
        extractor: Extractor,
        contents: Tensor,
        targets: Sequence[StyleTarget],
        alpha: Tensor | None = None,
        beta: Tensor | None = None,
        regions: Sequence[RegionTargets | None] = (),
    ) -> None:
        self.recipe, self.extractor = recipe, extractor
        self.contents = greyscale(contents) if luminance_only(recipe) else contents
        self.alpha = contents.new_full((len(contents),), recipe.alpha) if alpha is None else alpha
        self.beta = contents.new_full((len(contents),), recipe.beta) if beta is None else beta
        self.regions = region_batch([None if one is None else one.regions for one in regions], contents)
        own = (
            [[target] if one is None else one.targets for target, one in zip(targets, regions, strict=True)]
            if (self.regions)
            else []
        )
        self._region_targets = [_filled_up(some, len(self.regions.guides[0])) for some in own] if self.regions else []
        self.grams = {name: self._target_grams(name, targets) for name in recipe.style_names()}
        self.matched = self._matched(targets) if _needs_matched(recipe) else None
        compared = self.matched if self.matched is not None and recipe.content.colours == "style" else self.contents
        with torch.no_grad():
            maps = self._maps(compared)
        self.content_maps = {name: maps[0][name] for name in recipe.content_names()}
        self.positions = {name: maps[1][name][0, 0].numel() for name in recipe.style_names()}

    def terms(self, images: Tensor) -> LossTerms:
        """The losses of `images`, (B, 3, H, W); differentiable."""
        if self.regions is not None:
            images = self.regions.composite(images, self.contents)
        content_maps, style_maps = self._maps(images)
        content = self._content(content_maps)
        grams = gram_matrix if self.regions is None else self.regions.grams
        style = self._style({name: grams(style_maps[name]) for name in self.grams})
        tv = TV_LOSSES[self.recipe.tv_loss](images)
        return LossTerms(content, style, tv, self.alpha * content + self.beta * style + self.recipe.tv_weight * tv)

    @torch.no_grad()
    def scale(self) -> Tensor:
        """`alpha·content + beta·style` for feature maps of zeros, (B,): a large loss for each pair."""
        content = self._content({name: torch.zeros_like(maps) for name, maps in self.content_maps.items()})
        style = self._style({name: torch.zeros_like(gram) for name, gram in self.grams.items()})
        return self.alpha * content + self.beta * style

    def minimised_loss(self, terms: LossTerms, images: Tensor) -> Tensor:
        """The loss to minimise, (B,): the total, and the penalty on values that cannot be displayed."""
        if not self.recipe.range_weight:
            return terms.total
        return terms.total + self.recipe.range_weight * out_of_range(images)

    def _target_grams(self, name: str, targets: Sequence[StyleTarget]) -> Tensor:
        """(B, N, N), or (B, R, N, N) with regions."""
        if self.regions is None:
            return torch.stack([t.grams[name] for t in targets])
        return torch.stack([torch.stack([t.grams[name] for t in own]) for own in self._region_targets])

    def _matched(self, targets: Sequence[StyleTarget]) -> Tensor:
        if self.regions is None:
            matched = match_colours(self.contents, stacked_statistics([target.colours for target in targets]))
        else:
            guides = self.regions.guides
            matched = self.contents * (1 - guides.sum(dim=1, keepdim=True)).clamp(0, 1)
            for r in range(guides.shape[1]):
                colours = stacked_statistics([own[r].colours for own in self._region_targets])
                matched = matched + guides[:, r : r + 1] * match_colours(self.contents, colours, guides[:, r])
        return greyscale(matched) if luminance_only(self.recipe) else matched

    def _maps(self, images: Tensor) -> tuple[Mapping[str, Tensor], Mapping[str, Tensor]]:
        """The feature maps for content and for style: the same ones, unless content compares greyscale images."""
        if self.recipe.content.colours != "grey":
            maps = self.extractor(images, self.recipe.layer_names())
            return maps, maps
        grey = self.extractor(greyscale(images), self.recipe.content_names())
        return grey, self.extractor(images, self.recipe.style_names())

    def _content(self, maps: Mapping[str, Tensor]) -> Tensor:
        term = self.recipe.content
        loss = CONTENT_LOSSES[term.loss]
        losses = (weight * loss(maps[name], self.content_maps[name]) for name, weight in term.layers)
        return sum(losses, start=torch.zeros_like(self.alpha))

    def _style(self, grams: Mapping[str, Tensor]) -> Tensor:
        term = self.recipe.style
        loss = STYLE_LOSSES[term.loss]
        if self.regions is None:
            losses = (
                weight * loss(grams[name], self.grams[name], self.positions[name]) for name, weight in term.layers
            )
            return sum(losses, start=torch.zeros_like(self.alpha))
        shares = self.regions.shares
        each = (
            weight * loss(grams[name].flatten(0, 1), self.grams[name].flatten(0, 1), self.positions[name])
            for name, weight in term.layers
        )
        by_region = sum(each, start=torch.zeros_like(shares).flatten()).view_as(shares)
        return (torch.where(shares > 0, by_region, 0.0) * shares).sum(dim=1)


def _filled_up(targets: Sequence[StyleTarget], count: int) -> list[StyleTarget]:
    """`count` targets, the last ones of regions that are empty."""
    return [*targets, *[targets[-1]] * (count - len(targets))]


def _needs_matched(recipe: Recipe) -> bool:
    return recipe.content.colours == "style" or recipe.start == "colour_matched"
