"""The loss of a batch of pairs under a recipe: targets once, then one value per image and term per evaluation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache

import torch
import torch.nn.functional as F
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
from nst_core.engine.gain_maps import gained
from nst_core.engine.losses import CONTENT_LOSSES, TV_LOSSES, out_of_range
from nst_core.engine.recipe import Recipe, StyleTerm
from nst_core.engine.scaling import scaled
from nst_core.engine.structure import laplacian_loss, self_similarity_loss
from nst_core.engine.style_losses import BatchLoss, LossBlend, LossSetting, LossTarget, blended, style_loss
from nst_core.engine.style_losses.transport_loss import drawn_places
from nst_core.engine.tiling.extractor import TiledExtractor
from nst_core.engine.transport import sampled


@dataclass(frozen=True)
class StyleTarget:
    """The target of a style image: computed once, reused for every content.

    Where the recipe keeps the content's colours, it depends on the content too (`depends_on_content`).

    Attributes:
        losses: by the number of a style term and the name of its loss, what that loss keeps of the image.
        colours: mean and covariance of the style's pixels.
        image: the style image itself, (3, H, W), where the recipe starts from it or takes gains from it.
        coarser: by factor, the targets for the coarser scales of a schedule.
    """

    losses: Mapping[tuple[int, str], LossBlend]
    colours: ColourStatistics
    image: Tensor | None = None
    coarser: Mapping[float, StyleTarget] = field(default_factory=dict)

    @property
    def nbytes(self) -> int:
        """Memory, in bytes, coarser scales included."""
        own = (self.colours.mean, self.colours.covariance, *([] if self.image is None else [self.image]))
        kept = [tensor for blend in self.losses.values() for _, target in blend for tensor in target.values()]
        each_once = {id(tensor): tensor.nbytes for tensor in (*own, *kept)}
        return sum(each_once.values()) + sum(each.nbytes for each in self.coarser.values())


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
        extractor: a `TiledExtractor` where the image is too large for memory.
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

    @cache
    def maps(picture: Tensor) -> Mapping[str, Tensor]:
        found: Mapping[str, Tensor] = extractor(picture[None], names)
        return found

    def target(term: StyleTerm) -> LossTarget:
        loss = style_loss(term)
        tiled = isinstance(extractor, TiledExtractor)
        return loss.tiled_target(image, extractor) if tiled else loss.target(image, maps)

    terms = {(number, term.loss): term for terms in _terms_by_scale(recipe) for number, term in enumerate(terms)}
    losses: dict[tuple[int, str], LossBlend] = {key: ((1.0, target(term)),) for key, term in terms.items()}
    needs_image = recipe.start == "style" or recipe.content.gains
    return StyleTarget(losses, colour_statistics(image), image if needs_image else None)


def _terms_by_scale(recipe: Recipe) -> list[tuple[StyleTerm, ...]]:
    return [recipe.style_terms(number) for number in range(len(recipe.stages()))]


def _recoloured(style: Tensor, content: Tensor, recipe: Recipe) -> Tensor:
    """The style image before the transfer, where the content's colours are kept."""
    if luminance_only(recipe):
        return match_luminance(style, content)
    return match_colours(style, colour_statistics(content))


def blend_targets(targets: Sequence[StyleTarget], shares: Sequence[float]) -> StyleTarget:
    """Blend several styles: what their losses keep, and colours, weighted by shares (normalised to sum to 1).

    Where the recipe needs the style image, that is the one with the largest share.
    """
    if len(targets) == 1:
        return targets[0]
    whole = sum(shares)
    shares = [share / whole for share in shares]
    losses = {key: blended([target.losses[key] for target in targets], shares) for key in targets[0].losses}
    leading = targets[max(range(len(shares)), key=shares.__getitem__)]
    coarser = {factor: blend_targets([t.coarser[factor] for t in targets], shares) for factor in leading.coarser}
    colours = blend_statistics([t.colours for t in targets], shares)
    return replace(leading, losses=losses, colours=colours, coarser=coarser)


class Objective:
    """`alpha·content + beta·style + tv_weight·tv` for a batch of pairs, at one scale.

    `begin` is called once before the first evaluation, `draw` before each.

    Args:
        contents: (B, 3, H, W) sRGB in [0, 1], at the size that is optimised.
        targets: one per image of the batch.
        alpha, beta: (B,) weights in place of the recipe's, for rows of a manifest that have their own.
        seeds: one per image, for what is drawn at random.
        scale_number: of the scale in the recipe's schedule; by default the first.

    Attributes:
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
        scale_number: int = 0,
    ) -> None:
        self.recipe, self.extractor = recipe, extractor
        self.contents = greyscale(contents) if luminance_only(recipe) else contents
        self.alpha = contents.new_full((len(contents),), recipe.alpha) if alpha is None else alpha
        self.beta = contents.new_full((len(contents),), recipe.beta) if beta is None else beta
        self.seeds = range(len(contents)) if seeds is None else seeds
        self.content_factor = recipe.content_factor(scale_number)
        self.style_terms = recipe.style_terms(scale_number)
        self.style_losses = self._style_losses(targets, coarsest=scale_number == 0)
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
        return LossTerms(content, style, tv, self.alpha * content + self.beta * style + self.recipe.tv_weight * tv)

    @torch.no_grad()
    def scale(self) -> Tensor:
        """`alpha·content + beta·style` for feature maps of zeros, (B,): a large loss for each pair."""
        content, style = self._of_no_features()
        content = content + self._laplacian(torch.zeros_like(self.contents))
        return self.alpha * content + self.beta * style

    def kept_bytes(self) -> int:
        """Memory of the targets."""
        return sum(t.nbytes for t in self.content_maps.values()) + sum(loss.kept_bytes() for loss in self.style_losses)

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
        if term.loss == "self_similarity":
            return self.content_factor * self._self_similarity(maps)
        loss = CONTENT_LOSSES[term.loss]
        losses = (weight * loss(maps[name], self.content_maps[name]) for name, weight in term.layers)
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
            styles = torch.cat([_of_shape(target.image, self.contents.shape[2:]) for target in targets])
            style_maps, _ = self._observed(styles)
            window = self.recipe.content.gain_window
            return {name: gained(own, style_maps[name], window) for name, own in maps.items()}

    def _style_losses(self, targets: Sequence[StyleTarget], coarsest: bool) -> list[BatchLoss]:
        """The loss of each style term."""
        weight = self.content_factor * self.alpha / self.beta.clamp_min(1e-12)
        setting = LossSetting(self.extractor, self.contents, self.seeds, weight, coarsest)
        return [
            style_loss(term).of_batch([target.losses[number, term.loss] for target in targets], setting)
            for number, term in enumerate(self.style_terms)
            if term.layers
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


def _needs_matched(recipe: Recipe) -> bool:
    return recipe.content.colours == "style" or recipe.start == "colour_matched"
