"""Losses that count channels, for maps that stand for those of a network with more of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from nst_core.engine.terms import ContentTerm, Layers, StyleTerm

CONTENT_POWERS = {"half_mean": 1, "mean": 1}
STYLE_POWERS = {"gatys": 2, "mean": 4, "mean_by_size": 3}
"""The powers of the number of channels that losses divide by; others keep their value, or compare channel by channel.

(`losses.py`: `mean` divides each of N² entries by N, squares it, and takes the mean.)
"""


def content_in_counts(term: ContentTerm, shares: Mapping[str, float]) -> ContentTerm:
    """The term with weights that make its losses those of maps with `1 / share` as many channels and equal products.

    Args:
        shares: by layer, the channels of the maps over those that are to count; empty: they count themselves.
    """
    return replace(term, layers=_weighted(term.layers, shares, CONTENT_POWERS.get(term.loss, 0)))


def style_in_counts(term: StyleTerm, shares: Mapping[str, float]) -> StyleTerm:
    """The same of a style term, at one scale."""
    return replace(term, layers=_weighted(term.layers, shares, STYLE_POWERS.get(term.loss, 0)))


def _weighted(layers: Layers, shares: Mapping[str, float], power: int) -> Layers:
    return tuple((name, weight * shares.get(name, 1.0) ** power) for name, weight in layers)
