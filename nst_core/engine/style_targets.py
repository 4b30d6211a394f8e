"""Targets of a style image: what its losses compare with, computed once and reused for every content."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from types import MappingProxyType

import torch
from torch import Tensor

from nst_core.engine.colour import (
    ColourStatistics,
    blend_statistics,
    colour_statistics,
    match_colours,
    match_luminance,
)
from nst_core.engine.features.base import Extractor
from nst_core.engine.recipe import Recipe
from nst_core.engine.regions import Regions, guides_at
from nst_core.engine.scaling import scaled
from nst_core.engine.stages import DELIVERED, Network, StageKey
from nst_core.engine.strength import style_share
from nst_core.engine.style_losses import LossBlend, LossRegion, LossTarget, blended, style_loss
from nst_core.engine.terms import StyleTerm
from nst_core.engine.tiling.extractor import TiledExtractor
from nst_core.engine.transfer.recipe import MethodRecipe


@dataclass(frozen=True)
class StyleTarget:
    """The target of a style image, or of a region of one: computed once, reused for every content.

    Where the recipe keeps the content's colours, it depends on the content too (`depends_on_content`). The target of a
    content with regions has one of these for each.

    Attributes:
        losses: by the number of a style term and the name of its loss, what that loss keeps of the image.
        colours: mean and covariance of the style's pixels.
        image: the style image itself, (3, H, W), where the recipe starts from it or takes gains from it.
        vector: (V,), what a transfer network knows of it, where the method has one.
        others: the targets of stages at coarser scales, or on other networks.
        regions, parts: of a content with regions: these, and the target of each; `losses` are empty then.
    """

    losses: Mapping[tuple[int, str], LossBlend]
    colours: ColourStatistics
    image: Tensor | None = None
    vector: Tensor | None = None
    others: Mapping[StageKey, StyleTarget] = field(default_factory=dict)
    regions: Regions | None = None
    parts: tuple[StyleTarget, ...] = ()

    def part(self, number: int) -> StyleTarget:
        """The target of a region; of what has fewer regions, or none, any."""
        return self.parts[min(number, len(self.parts) - 1)] if self.parts else self

    def loss_regions(self, key: tuple[int, str]) -> tuple[LossRegion, ...]:
        """What the loss of a term is made of."""
        if self.regions is None:
            return (LossRegion(self.losses[key]),)
        regions = zip(self.parts, self.regions.shares(), self.regions.guides, strict=True)
        return tuple(LossRegion(part.losses[key], share, guide) for part, share, guide in regions)

    @property
    def nbytes(self) -> int:
        """Memory, in bytes, those of other stages included."""
        given = [tensor for tensor in (self.image, self.vector) if tensor is not None]
        own = (self.colours.mean, self.colours.covariance, *given)
        kept = [tensor for blend in self.losses.values() for _, target in blend for tensor in target.values()]
        each_once = {id(tensor): tensor.nbytes for tensor in (*own, *kept)}
        return sum(each_once.values()) + sum(each.nbytes for each in self.others.values())


def depends_on_content(recipe: MethodRecipe, strength: float | None = None) -> bool:
    """Whether a style target depends on the content; for a strength, by default the recipe's.

    A transfer network blends with the content what it makes of it, and not what it knows of the style.
    """
    return recipe.colour == "content" or (isinstance(recipe, Recipe) and _share(recipe, strength) < 1)


def _share(recipe: Recipe, strength: float | None) -> float:
    strength = recipe.strength if strength is None else strength
    return 1.0 if strength is None else style_share(strength)


def luminance_only(recipe: MethodRecipe) -> bool:
    """Whether style is transferred in luminance, and the content's chroma kept."""
    return recipe.colour == "content" and recipe.keep_colour_by == "luminance"


@torch.no_grad()
def style_target(
    image: Tensor,
    recipe: Recipe,
    extractor: Extractor,
    content: Tensor | None = None,
    strength: float | None = None,
    guide: Tensor | None = None,
    others: Mapping[Network, Extractor] = MappingProxyType({}),
) -> StyleTarget:
    """The target of one style image, (3, H, W) sRGB in [0, 1] at `size · style_scale`, with those of other stages.

    Args:
        extractor: a `TiledExtractor` where the image is too large for memory.
        content: (3, H, W), needed where the target `depends_on_content`.
        strength: in place of the recipe's.
        guide: (H, W), 1 where the region of the style image is that the target is of; by default all of it.
        others: the extractors of stages that are not on the recipe's own network.

    Raises:
        ValueError: the content is needed and missing.
    """
    share = _share(recipe, strength)

    def at(factor: float, network: Network | None) -> StyleTarget:
        own = None if content is None else scaled(content, factor)
        of_stage = extractor if network is None else others[network]
        return _target_of_stage(scaled(image, factor), recipe, of_stage, own, share, guide)

    return replace(at(*DELIVERED), others={key: at(*key) for key in recipe.other_keys()})


def _target_of_stage(
    image: Tensor,
    recipe: Recipe,
    extractor: Extractor,
    content: Tensor | None,
    share: float,
    guide: Tensor | None,
) -> StyleTarget:
    if recipe.colour == "content" or share < 1:
        if content is None:
            raise ValueError("the content's colours, or a weak strength, need the content to make a style target")
        image = recoloured(image, content, recipe, share)
    guide = None if guide is None else guides_at(guide, *image.shape[1:])
    names = recipe.style_names()

    @cache
    def maps(picture: Tensor) -> Mapping[str, Tensor]:
        found: Mapping[str, Tensor] = extractor(picture[None], names)
        return found

    def target(term: StyleTerm) -> LossTarget:
        loss = style_loss(term)
        if isinstance(extractor, TiledExtractor):
            return loss.target_by(extractor, image, guide)
        return loss.target(image, maps, guide)

    terms = {(number, term.loss): term for terms in _terms_by_stage(recipe) for number, term in enumerate(terms)}
    losses: dict[tuple[int, str], LossBlend] = {key: ((1.0, target(term)),) for key, term in terms.items()}
    needs_image = recipe.start == "style" or recipe.content.gains
    return StyleTarget(losses, colour_statistics(image, guide), image if needs_image else None)


def _terms_by_stage(recipe: Recipe) -> list[tuple[StyleTerm, ...]]:
    return [recipe.style_terms(number) for number in range(len(recipe.schedule()))]


def recoloured(style: Tensor, content: Tensor, recipe: MethodRecipe, share: float = 1.0) -> Tensor:
    """The style image before the transfer, where colours are the content's, or, by a share, between the two."""
    if luminance_only(recipe):
        return match_luminance(style, content)
    matched = match_colours(style, colour_statistics(content))
    return matched if recipe.colour == "content" else torch.lerp(matched, style, share)


def blend_targets(targets: Sequence[StyleTarget], shares: Sequence[float]) -> StyleTarget:
    """Blend several styles: what losses and networks keep of them, and colours, by shares (normalised to sum to 1).

    A share of 0 leaves a style out. Where the recipe needs the style image, that is the one with the largest share.
    """
    targets = [target for target, share in zip(targets, shares, strict=True) if share]
    shares = [share for share in shares if share]
    if len(targets) == 1:
        return targets[0]
    whole = sum(shares)
    shares = [share / whole for share in shares]
    losses = {key: blended([target.losses[key] for target in targets], shares) for key in targets[0].losses}
    leading = targets[max(range(len(shares)), key=shares.__getitem__)]
    others = {key: blend_targets([t.others[key] for t in targets], shares) for key in leading.others}
    colours = blend_statistics([t.colours for t in targets], shares)
    return replace(leading, losses=losses, colours=colours, vector=_blended_vector(targets, shares), others=others)


def _blended_vector(targets: Sequence[StyleTarget], shares: Sequence[float]) -> Tensor | None:
    vectors = [target.vector for target in targets if target.vector is not None]
    if not vectors:
        return None
    return torch.stack([share * vector for share, vector in zip(shares, vectors, strict=True)]).sum(dim=0)


def regional_target(regions: Regions, parts: Sequence[StyleTarget]) -> StyleTarget:
    """The target of a content with regions, each with a target of its own."""
    shares = regions.shares()
    whole = sum(shares)
    colours = blend_statistics([p.colours for p in parts], [s / whole for s in shares]) if whole else parts[0].colours
    others = {key: regional_target(regions.at(key[0]), [part.others[key] for part in parts]) for key in parts[0].others}
    return StyleTarget({}, colours, others=others, regions=regions, parts=tuple(parts))
