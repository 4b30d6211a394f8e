"""The loss of a batch of pairs under a recipe: targets once, then one value per image and term per evaluation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

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
from nst_core.engine.losses import CONTENT_LOSSES, TV_LOSSES, out_of_range
from nst_core.engine.recipe import Recipe
from nst_core.engine.scaling import scaled
from nst_core.engine.style_losses import LossBlend, LossTarget, Setting, StyleLoss, blend_bytes, blended, style_loss


@dataclass(frozen=True)
class StyleTarget:
    """The target of a style image: computed once, reused for every content.

    Where the recipe keeps the content's colours, it depends on the content too (`depends_on_content`).

    Attributes:
        losses: for each of the recipe's style terms, what its loss keeps of the image.
        colours: mean and covariance of the style's pixels.
        image: the style image itself, (3, H, W), where the recipe starts from it.
        coarser: by factor, the targets for the coarser scales of a schedule.
    """

    losses: tuple[LossBlend, ...]
    colours: ColourStatistics
    image: Tensor | None = None
    coarser: Mapping[float, StyleTarget] = field(default_factory=dict)

    @property
    def nbytes(self) -> int:
        """Memory, in bytes, coarser scales included."""
        own = (self.colours.mean, self.colours.covariance, *([] if self.image is None else [self.image]))
        losses = sum(map(blend_bytes, self.losses))
        return losses + sum(t.nbytes for t in own) + sum(each.nbytes for each in self.coarser.values())


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
def style_target(image: Tensor, recipe: Recipe, extractor: Extractor, content: Tensor | None = None) -> StyleTarget:
    """The target of one style image, (3, H, W) sRGB in [0, 1] at `size · style_scale`, with those of coarser scales.

    Args:
        content: (3, H, W), needed where the recipe keeps the content's colours.

    Raises:
        ValueError: the content is needed and missing.
    """
    coarser = {
        factor: _target_of_scale(
            scaled(image, factor), recipe, extractor, None if content is None else scaled(content, factor)
        )
        for factor in recipe.coarser_factors()
    }
    return replace(_target_of_scale(image, recipe, extractor, content), coarser=coarser)


def _target_of_scale(image: Tensor, recipe: Recipe, extractor: Extractor, content: Tensor | None) -> StyleTarget:
    if depends_on_content(recipe):
        if content is None:
            raise ValueError("colour: content needs the content image to make a style target")
        image = _recoloured(image, content, recipe)
    names = recipe.style_names()
    maps = extractor(image[None], names) if names else {}
    losses = tuple(((1.0, _loss_target(loss, image, maps, extractor)),) for loss in _style_losses(recipe))
    return StyleTarget(losses, colour_statistics(image), image if recipe.start == "style" else None)


def _loss_target(loss: StyleLoss, image: Tensor, maps: Mapping[str, Tensor], extractor: Extractor) -> LossTarget:
    """What a loss keeps of a style image, whose own maps are `maps`."""
    names = [name for name, _ in loss.term.layers]
    return loss.target([maps if view is image else extractor(view[None], names) for view in loss.views(image)])


def _style_losses(recipe: Recipe) -> list[StyleLoss]:
    return [style_loss(term) for term in recipe.style_terms()]


def _recoloured(style: Tensor, content: Tensor, recipe: Recipe) -> Tensor:
    """The style image before the transfer, where the content's colours are kept."""
    if luminance_only(recipe):
        return match_luminance(style, content)
    return match_colours(style, colour_statistics(content))


def blend_targets(targets: Sequence[StyleTarget], shares: Sequence[float]) -> StyleTarget:
    """Blend several styles: what their losses keep, and colours, weighted by shares (normalised to sum to 1).

    Where the recipe starts from the style image, that is the one with the largest share.
    """
    if len(targets) == 1:
        return targets[0]
    whole = sum(shares)
    shares = [share / whole for share in shares]
    losses = tuple(blended(each, shares) for each in zip(*(target.losses for target in targets), strict=True))
    leading = targets[max(range(len(shares)), key=shares.__getitem__)]
    coarser = {f: blend_targets([t.coarser[f] for t in targets], shares) for f in leading.coarser}
    colours = blend_statistics([t.colours for t in targets], shares)
    return replace(leading, losses=losses, colours=colours, coarser=coarser)


class Objective:
    """`alpha·content + beta·style + tv_weight·tv` for a batch of pairs, at one scale.

    `begin` is called once before the first evaluation, `draw` before each.

    Args:
        contents: (B, 3, H, W) sRGB in [0, 1], at the size that is optimised.
        targets: one per image of the batch.
        alpha, beta: (B,) weights in place of the recipe's, for rows of a manifest that have their own.
        seeds: one per image, for losses that draw; by default 0.
        first: whether this is the first scale of the schedule.

    Attributes:
        contents: the contents; in grey where only luminance is transferred.
        matched: the contents in their styles' colours, where the recipe needs them, else None.
        changes: whether the same images may have other losses at another evaluation.
    """

    def __init__(
        self,
        recipe: Recipe,
        extractor: Extractor,
        contents: Tensor,
        targets: Sequence[StyleTarget],
        alpha: Tensor | None = None,
        beta: Tensor | None = None,
        seeds: Sequence[int] | None = None,
        first: bool = True,
    ) -> None:
        self.recipe, self.extractor = recipe, extractor
        self.contents = greyscale(contents) if luminance_only(recipe) else contents
        self.alpha = contents.new_full((len(contents),), recipe.alpha) if alpha is None else alpha
        self.beta = contents.new_full((len(contents),), recipe.beta) if beta is None else beta
        setting = Setting(extractor, self.contents, seeds or [0] * len(contents), first)
        self.style_losses = [
            loss.of_batch([target.losses[number] for target in targets], setting)
            for number, loss in enumerate(_style_losses(recipe))
        ]
        self.changes = any(loss.changes for loss in self.style_losses)
        self.matched = self._matched(targets) if _needs_matched(recipe) else None
        compared = self.matched if self.matched is not None and recipe.content.colours == "style" else self.contents
        with torch.no_grad():
            maps = self._maps(compared)
        self.content_maps = {name: maps[0][name] for name in recipe.content_names()}
        self.style_shapes = {name: maps[1][name].shape for name in recipe.style_names()}

    def begin(self, start: Tensor) -> None:
        """Make what depends on the images that the scale starts from, (B, 3, H, W)."""
        for loss in self.style_losses:
            loss.begin(start)

    def draw(self, evaluation: int) -> None:
        """Make anew what losses draw for the evaluation of this number."""
        for loss in self.style_losses:
            loss.draw(evaluation)

    def terms(self, images: Tensor) -> LossTerms:
        """The losses of `images`, (B, 3, H, W); differentiable."""
        content_maps, style_maps = self._maps(images)
        content = self._content(content_maps)
        style = self._style(images, style_maps)
        tv = TV_LOSSES[self.recipe.tv_loss](images)
        return LossTerms(content, style, tv, self.alpha * content + self.beta * style + self.recipe.tv_weight * tv)

    @torch.no_grad()
    def scale(self) -> Tensor:
        """`alpha·content + beta·style` for feature maps of zeros, (B,): a large loss for each pair."""
        content = self._content({name: torch.zeros_like(maps) for name, maps in self.content_maps.items()})
        zeros = {name: self.contents.new_zeros(shape) for name, shape in self.style_shapes.items()}
        style = self._style(torch.zeros_like(self.contents), zeros)
        return self.alpha * content + self.beta * style

    def kept_bytes(self) -> int:
        """Memory of the targets, in bytes."""
        return sum(t.nbytes for t in self.content_maps.values()) + sum(loss.kept_bytes() for loss in self.style_losses)

    def minimised_loss(self, terms: LossTerms, images: Tensor) -> Tensor:
        """The loss to minimise, (B,): the total, and the penalty on values that cannot be displayed."""
        if not self.recipe.range_weight:
            return terms.total
        return terms.total + self.recipe.range_weight * out_of_range(images)

    def _matched(self, targets: Sequence[StyleTarget]) -> Tensor:
        matched = match_colours(self.contents, stacked_statistics([target.colours for target in targets]))
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

    def _style(self, images: Tensor, maps: Mapping[str, Tensor]) -> Tensor:
        terms = zip(self.recipe.style_terms(), self.style_losses, strict=True)
        return sum((term.weight * loss.values(images, maps) for term, loss in terms), torch.zeros_like(self.alpha))


def _needs_matched(recipe: Recipe) -> bool:
    return recipe.content.colours == "style" or recipe.start == "colour_matched"
