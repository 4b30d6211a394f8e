"""Strength: one number per picture, from the content as it is (0) over the recipe as it is (0.5) to the style alone (1)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from nst_core.engine.recipe import AS_SHIPPED, Recipe

@dataclass(frozen=True)
class TermFactors:
    """The factors of the weights of a recipe's terms at one strength; total variation goes with the style."""

    content: float
    style: float


def style_ratio(strength: float, power: float) -> float:
    """`(s / (1 − s))^power`: how many times as much as in the recipe style weighs against content; infinite at 1."""
    if strength >= 1:
        return math.inf
    return float((strength / (1 - strength)) ** power)


def term_factors(strength: float, power: float) -> TermFactors:
    """The factors of the weights: no weight grows, the one whose term gives way falls."""
    ratio = style_ratio(strength, power)
    return TermFactors(min(1.0, 1 / ratio) if ratio else 1.0, min(1.0, ratio))


def style_share(strength: float) -> float:
    """How much of what the style has beside its weight (its palette, the start) is used: all from 0.5 on, none at 0."""
    return min(1.0, strength / AS_SHIPPED)


def content_share(share: float, strength: float, power: float) -> float:
    """A share that the content has in something, its odds against the rest divided by `style_ratio`."""
    ratio = style_ratio(strength, power)
    if share in (0.0, 1.0) or ratio == 1:
        return share
    return 0.0 if math.isinf(ratio) else share / (share + (1 - share) * ratio)


class Strengths:
    """The strengths of a batch.

    Args:
        values: one per image.
        power: the recipe's `strength_power`.
        like: a tensor of the batch, (B, …).

    Attributes:
        content, style: (B,), the factors of the terms' weights.
        shares: (B,), `style_share` of each.
        moves: whether any share is below 1.
    """

    def __init__(self, values: Sequence[float], power: float, like: Tensor) -> None:
        self.values, self.power = tuple(values), power
        factors = [term_factors(value, power) for value in self.values]
        self.content = like.new_tensor([each.content for each in factors])
        self.style = like.new_tensor([each.style for each in factors])
        shares = [style_share(value) for value in self.values]
        self.shares, self.moves = like.new_tensor(shares), min(shares) < 1

    def content_shares(self, share: float) -> Tensor:
        """(B,): `content_share` of each."""
        return self.content.new_tensor([content_share(share, value, self.power) for value in self.values])

    def towards(self, without: Tensor, styled: Tensor) -> Tensor:
        """`styled` as far as `style_share` says, the rest being what it is `without` the style; both (B, …)."""
        if not self.moves:
            return styled
        return torch.lerp(without, styled, self.shares.view(-1, *[1] * (styled.ndim - 1)))


def recipe_strengths(recipe: Recipe, like: Tensor) -> Strengths | None:
    """A recipe's strength for every image of a batch, (B, …); None where it has none."""
    if recipe.strength is None:
        return None
    return Strengths([recipe.strength] * len(like), recipe.strength_power, like)
