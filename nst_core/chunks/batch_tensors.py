"""The tensors and style targets of a batch, from decoded pairs: made on the thread that computes."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from nst_core.chunks.decoding import CachedStyle, DecodedPair, DecodedStyle, ScaledImage, row_strength, style_key
from nst_core.chunks.masks import StyleMask, masked_target
from nst_core.engine.batch import Pairs
from nst_core.engine.images.pixels import Pixels, pad_by_reflection, to_tensor
from nst_core.engine.method_session import MethodSession
from nst_core.engine.recipe import AS_SHIPPED, Recipe
from nst_core.engine.style_targets import StyleTarget, blend_targets, depends_on_content
from nst_core.engine.transfer.recipe import MethodRecipe
from nst_core.run_folder.plan_table import PlannedPair


def engine_batch(pairs: Sequence[DecodedPair], session: MethodSession) -> Pairs:
    """Pairs whose contents have one padded shape, as the engine takes them, styles blended. Raises OutOfMemory."""
    contents = content_batch([pair.content for pair in pairs], session)
    targets, seeds = [_pair_target(pair, session) for pair in pairs], [pair.row.seed for pair in pairs]
    strengths = _strengths(pairs, session.recipe)
    if not isinstance(session.recipe, Recipe):
        return Pairs(contents, targets, seeds, strengths=strengths)
    alpha, beta = zip(*(row_weights(pair.row, session.recipe) for pair in pairs), strict=True)
    return Pairs(contents, targets, seeds, alpha, beta, strengths)


def _pair_target(pair: DecodedPair, session: MethodSession) -> StyleTarget:
    """The target of a pair's styles, blended; of its regions, where it has masks."""
    strength = row_strength(pair.row, session.recipe)

    def target(place: int, mask: StyleMask | None = None) -> StyleTarget:
        return target_of(pair.styles[place], pair.content, session, strength, mask)

    shares = pair.row.style_shares
    if pair.masks is None:
        return blend_targets([target(place) for place in range(len(pair.styles))], shares)
    return masked_target(pair.masks, pair.content.pixels, shares, session.recipe, target)


def row_weights(row: PlannedPair, recipe: Recipe) -> tuple[float, float]:
    """(α, β) of a pair, before its strength: the manifest's, else the recipe's."""
    return (
        recipe.alpha if row.content_weight is None else row.content_weight,
        recipe.beta if row.style_weight is None else row.style_weight,
    )


def _strengths(pairs: Sequence[DecodedPair], recipe: MethodRecipe) -> list[float] | None:
    found = [row_strength(pair.row, recipe) for pair in pairs]
    if all(strength is None for strength in found):
        return None
    return [AS_SHIPPED if strength is None else strength for strength in found]


def content_batch(contents: Sequence[ScaledImage], session: MethodSession) -> Tensor:
    """Contents of one padded shape as the engine takes them: (B, 3, H, W) float32 in [0, 1], on its device."""
    images = (to_tensor(content.pixels) for content in contents)
    return torch.stack([pad_by_reflection(image, *padded_size(image, session.recipe)) for image in images]).to(
        session.device
    )


def padded_size(image: Tensor | Pixels, recipe: MethodRecipe) -> tuple[int, int]:
    """(width, height) at which an image, (3, H, W) tensor or (H, W, 3) pixels, is optimised."""
    height, width = image.shape[1:] if isinstance(image, Tensor) else image.shape[:2]
    return recipe.padded(width, height)


def target_of(
    style: DecodedStyle,
    content: ScaledImage,
    session: MethodSession,
    strength: float | None = None,
    mask: StyleMask | None = None,
) -> StyleTarget:
    """The target of a style, computed unless the session has it; for this content alone if recipe or strength say so.

    Args:
        mask: of the region of the style that it is of, in any size; by default all of it.

    Raises OutOfMemory.
    """
    if isinstance(style, CachedStyle):
        return style.target
    recipe, device = session.recipe, session.device
    pixels, is_own = style.pixels, depends_on_content(recipe, strength)

    def make() -> StyleTarget:
        own = to_tensor(content.pixels).to(device) if is_own else None
        guide = None if mask is None else mask.guide(pixels.shape[1], pixels.shape[0]).to(device)
        return session.style_target(to_tensor(pixels).to(device), own, strength, guide)

    # A pair is made once: what is for one content only would never be asked for again.
    if is_own:
        return session.unkept_target(make)
    return session.target(style_key(style, "" if mask is None else mask.sha256), make)
