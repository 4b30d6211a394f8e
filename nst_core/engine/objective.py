"""The loss of a batch of pairs under a recipe: one value per image and term per evaluation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from nst_core.engine.channel_counts import content_in_counts, style_in_counts
from nst_core.engine.colour import (
    greyscale,
    match_colours,
    stacked_statistics,
)
from nst_core.engine.features.base import Extractor
from nst_core.engine.gain_maps import gained
from nst_core.engine.losses import CONTENT_LOSSES, TV_LOSSES, out_of_range
from nst_core.engine.recipe import Recipe
from nst_core.engine.regions import region_batch
from nst_core.engine.strength import Strengths, recipe_strengths
from nst_core.engine.structure import laplacian_loss, self_similarity_loss
from nst_core.engine.style_losses import BatchLoss, LossRegion, LossSetting, blended, style_loss
from nst_core.engine.style_losses.transport_loss import drawn_places
from nst_core.engine.style_targets import StyleTarget, luminance_only
from nst_core.engine.terms import StyleTerm
from nst_core.engine.transport import sampled


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


class Objective:
    """`alpha·content + beta·style + tv_weight·tv` for a batch of pairs, in one stage.

    `begin` is called once before the first evaluation, `draw` before each.

    Args:
        contents: (B, 3, H, W) sRGB in [0, 1], at the size that is optimised.
        targets: one per image of the batch.
        alpha, beta: (B,) weights in place of the recipe's, for rows of a manifest that have their own.
        seeds: one per image, for what is drawn at random.
        stage_number: of the stage in the recipe's schedule; by default the first.
        strengths: of the images; by default the recipe's.

    Attributes:
        alpha, beta, tv_weight: the weights at the strengths, (B,) or one number.
        strengths: None where the recipe is as it is.
        contents: the contents; in grey where only luminance is transferred.
        matched: the contents in their styles' colours, where the recipe needs them, else None.
        changes: whether losses differ between evaluations of the same images.
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
        stage_number: int = 0,
        strengths: Strengths | None = None,
    ) -> None:
        self.recipe, self.extractor = recipe, extractor
        self.contents = greyscale(contents) if luminance_only(recipe) else contents
        self.alpha = contents.new_full((len(contents),), recipe.alpha) if alpha is None else alpha
        self.beta = contents.new_full((len(contents),), recipe.beta) if beta is None else beta
        self.tv_weight: float | Tensor = recipe.tv_weight
        self.strengths = recipe_strengths(recipe, contents) if strengths is None else strengths
        if self.strengths is not None:
            self.alpha = self.alpha * self.strengths.content
            self.tv_weight = recipe.tv_weight * self.strengths.shares
        self.seeds = range(len(contents)) if seeds is None else seeds
        self.regions = region_batch([target.regions for target in targets], contents)
        self.content_factor = recipe.content_factor(stage_number)
        shares = extractor.channel_shares
        self.content_layers = content_in_counts(recipe.content, shares).layers
        self.style_terms = [style_in_counts(term, shares) for term in recipe.style_terms(stage_number)]
        self.style_losses = self._style_losses(targets, coarsest=stage_number == 0)
        self.matched = self._matched(targets) if _needs_matched(recipe) else None
        compared = self.matched if self.matched is not None and recipe.content.colours == "style" else self.contents
        self.compared = greyscale(compared) if recipe.content.colours == "grey" else compared
        self.content_maps, self.style_shapes = self._observed(compared)
        if recipe.content.gains:
            self.content_maps = self._gained(self.content_maps, targets)
        self.changes = recipe.content.loss == "self_similarity" or any(loss.changes for loss in self.style_losses)
        self.draw(0)

    def begin(self, start: Tensor) -> None:
        """Make the targets that depend on what the scale starts from, `start` (B, 3, H, W)."""
        for loss in self.style_losses:
            loss.begin(start)

    def draw(self, evaluation: int) -> None:
        """Draw what is random for the evaluation of this number."""
        if self.recipe.content.loss == "self_similarity":
            self.places = drawn_places(self.seeds, evaluation, self.contents)
        for loss in self.style_losses:
            loss.draw(evaluation)

    def terms(self, images: Tensor) -> LossTerms:
        """The losses of `images`, (B, 3, H, W); differentiable."""
        content, style = self._of_features(images)
        content = content + self._laplacian(images)
        tv = TV_LOSSES[self.recipe.tv_loss](images)
        return LossTerms(content, style, tv, self.alpha * content + self.beta * style + self.tv_weight * tv)

    @torch.no_grad()
    def scale(self) -> Tensor:
        """`alpha·content + beta·style` for feature maps of zeros, (B,): a large loss for each pair."""
        content, style = self._of_no_features()
        content = content + self._laplacian(torch.zeros_like(self.contents))
        return self.alpha * content + self.beta * style

    def kept_bytes(self) -> int:
        """Memory of the targets."""
        return sum(t.nbytes for t in self.content_maps.values()) + sum(loss.kept_bytes() for loss in self.style_losses)

    def blended(self, content: Tensor, styled: Tensor) -> Tensor:
        """What the style has made of what the content has, both (B, …); for weak strengths something between them."""
        return styled if self.strengths is None else self.strengths.blended(content, styled)

    def minimised_loss(self, terms: LossTerms, images: Tensor) -> Tensor:
        """The loss to minimise, (B,): the total, and the penalty on values that cannot be displayed."""
        if not self.recipe.range_weight:
            return terms.total
        return terms.total + self.recipe.range_weight * out_of_range(images)

    @torch.no_grad()
    def _observed(self, compared: Tensor) -> tuple[dict[str, Tensor], dict[str, torch.Size]]:
        """The maps that content is compared with, and the shapes of the style layers' maps."""
        maps = self._maps(compared)
        content_maps = {name: maps[0][name] for name in self.recipe.content_names()}
        return content_maps, {name: maps[1][name].shape for name in self.recipe.style_names()}

    def _of_features(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """The losses of content and style that compare feature maps, each (B,)."""
        content_maps, style_maps = self._maps(images)
        return self._content(content_maps), self._weighted(
            [loss.values(images, style_maps) for loss in self.style_losses]
        )

    def _of_no_features(self) -> tuple[Tensor, Tensor]:
        """The same for feature maps of zeros: a large loss for each pair."""
        content = self._content({name: torch.zeros_like(maps) for name, maps in self.content_maps.items()})
        maps = {name: self.contents.new_zeros(shape) for name, shape in self.style_shapes.items()}
        zeros = torch.zeros_like(self.contents)
        return content, self._weighted([loss.scale(zeros, maps) for loss in self.style_losses])

    def _matched(self, targets: Sequence[StyleTarget]) -> Tensor:
        def of_region(number: int, guide: Tensor | None) -> Tensor:
            colours = stacked_statistics([target.part(number).colours for target in targets])
            return match_colours(self.contents, colours, guide)

        matched = of_region(0, None) if self.regions is None else self.regions.mixed(of_region, self.contents)
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
        if term.loss == "self_similarity":
            return self.content_factor * self._self_similarity(maps)
        loss = CONTENT_LOSSES[term.loss]
        losses = (weight * loss(maps[name], self.content_maps[name]) for name, weight in self.content_layers)
        return self.content_factor * sum(losses, start=torch.zeros_like(self.alpha))

    def _self_similarity(self, maps: Mapping[str, Tensor]) -> Tensor:
        """Of hypercolumns at the drawn places."""
        layers = self.recipe.content.layers
        own, content = (
            sampled([weight * of[name] for name, weight in layers], self.places) for of in (maps, self.content_maps)
        )
        return self_similarity_loss(own, content)

    def _laplacian(self, images: Tensor) -> Tensor:
        term = self.recipe.content
        if not term.laplacian:
            return torch.zeros_like(self.alpha)
        images = greyscale(images) if term.colours == "grey" else images
        return self.content_factor * term.laplacian * laplacian_loss(images, self.compared, term.laplacian_pool)

    def _gained(self, maps: Mapping[str, Tensor], targets: Sequence[StyleTarget]) -> dict[str, Tensor]:
        """The content's maps with the local moments of the style's, the style stretched to the content's shape."""
        with torch.no_grad():
            window, shape = self.recipe.content.gain_window, self.contents.shape[2:]
            count = 1 if self.regions is None else self.regions.guides.shape[1]
            styles = [torch.cat([_of_shape(t.part(number).image, shape) for t in targets]) for number in range(count)]
            style_maps = [self._observed(images)[0] for images in styles]
            found = {}
            for name, own in maps.items():
                each = [gained(own, of_region[name], window) for of_region in style_maps]
                mixed = each[0] if self.regions is None else self.regions.mixed(_numbered(each), own)
                found[name] = self.blended(own, mixed)
            return found

    def _style_losses(self, targets: Sequence[StyleTarget], coarsest: bool) -> list[BatchLoss]:
        """The loss of each style term."""
        weight = self.content_factor * self.alpha / self.beta.clamp_min(1e-12)
        weak = None if self.strengths is None or not self.strengths.weakens else self._weak_contents(targets)
        setting = LossSetting(self.extractor, self.contents, self.seeds, weight, coarsest, self.strengths, weak)
        return [
            style_loss(term).of_batch(self._loss_regions(number, term, targets, weak), setting)
            for number, term in enumerate(self.style_terms)
            if term.layers
        ]

    def _weak_contents(self, targets: Sequence[StyleTarget]) -> Tensor:
        """The contents in the colours of their targets: so the two that are blended differ in texture alone."""
        return self.contents if self.recipe.colour == "content" else self._matched(targets)

    @torch.no_grad()
    def _loss_regions(
        self, number: int, term: StyleTerm, targets: Sequence[StyleTarget], contents: Tensor | None
    ) -> list[tuple[LossRegion, ...]]:
        """The targets of a style term, by region; for weak strengths the content there is one of the styles."""
        pairs, loss = [target.loss_regions((number, term.loss)) for target in targets], style_loss(term)
        if self.strengths is None or contents is None or not loss.blends_content:
            return pairs

        def weak(region: LossRegion, own: Tensor, share: float) -> LossRegion:
            content = ((1.0, loss.target_by(self.extractor, own, region.guide)),)
            return replace(region, blend=blended([content, region.blend], [1 - share, share]))

        rows = zip(pairs, contents, self.strengths.style_shares, strict=True)
        return [
            regions if share == 1 else tuple(weak(region, own, share) for region in regions)
            for regions, own, share in rows
        ]

    def _weighted(self, losses: Sequence[Tensor]) -> Tensor:
        """The sum of the style terms, by their weights."""
        weights = [term.weight for term in self.style_terms if term.layers]
        weighted = (weight * loss for weight, loss in zip(weights, losses, strict=True))
        return sum(weighted, start=torch.zeros_like(self.alpha))


def _of_shape(style: Tensor | None, shape: Sequence[int]) -> Tensor:
    """A style image stretched to (H, W): (1, 3, H, W)."""
    if style is None:
        raise ValueError("content.gains needs targets made under the same recipe")
    return F.interpolate(style[None], tuple(shape), mode="bicubic", antialias=True).clamp(0, 1)


def _numbered(maps: Sequence[Tensor]) -> Callable[[int, Tensor], Tensor]:
    """What gives the maps of the region of a number."""
    return lambda number, _: maps[number]


def _needs_matched(recipe: Recipe) -> bool:
    return recipe.content.colours == "style" or recipe.start == "colour_matched"
