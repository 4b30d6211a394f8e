"""Strength: one number per picture, from its content (0) over the recipe as it is (0.5) to the style alone (1).

Below 0.5 the content joins its style with a share of 1 − 2s, as one of two styles that are blended: what the picture is
compared with goes from the style's statistics to the content's own. Before, both are given colours between theirs
(`style_target`, `Objective`), so that they differ in texture alone. Above, the content's weight is divided by
s / (1 − s).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from nst_core.engine.recipe import AS_SHIPPED, Recipe


def style_share(strength: float) -> float:
    """The share of the style in what is compared with, the rest being the content: all from 0.5 on, none at 0."""
    return min(1.0, strength / AS_SHIPPED)


def style_ratio(strength: float) -> float:
    """How many times as much as in the recipe style weighs against content: `s / (1 − s)`, but at least 1.

    Infinite at strength 1.
    """
    if strength <= AS_SHIPPED:
        return 1.0
    return math.inf if strength >= 1 else strength / (1 - strength)


def content_share(share: float, ratio: float) -> float:
    """A share of the content in something, its odds against the rest divided by a `style_ratio`."""
    if ratio == 1 or share == 1:
        return share
    return 0.0 if math.isinf(ratio) else share / (share + (1 - share) * ratio)


class Strengths:
    """The strengths of a batch.

    Args:
        values: one per image.
        like: a tensor of the batch, (B, …).

    Attributes:
        style_shares: `style_share` of each.
        weakens: whether any of them is below 1.
        shares: the same, (B,).
        content: (B,), the factor of the content's weight.
    """

    def __init__(self, values: Sequence[float], like: Tensor) -> None:
        self.values = tuple(values)
        self._ratios = [style_ratio(value) for value in self.values]
        self.style_shares = [style_share(value) for value in self.values]
        self.weakens = min(self.style_shares) < 1
        self.shares = like.new_tensor(self.style_shares)
        self.content = like.new_tensor([1 / ratio for ratio in self._ratios])

    def content_shares(self, share: float) -> Tensor:
        """(B,): `content_share` of each."""
        return self.content.new_tensor([content_share(share, ratio) for ratio in self._ratios])

    def blended(self, content: Tensor, styled: Tensor) -> Tensor:
        """What the content has, and what the style has made of it, (B, …), by `style_shares`."""
        if not self.weakens:
            return styled
        return torch.lerp(content, styled, self.shares.view(-1, *[1] * (styled.ndim - 1)))


def recipe_strengths(recipe: Recipe, like: Tensor) -> Strengths | None:
    """A recipe's strength for every image of a batch, (B, …); None where it has none."""
    return None if recipe.strength is None else Strengths([recipe.strength] * len(like), like)
