"""Which results stand for an artist on the index: the most finished ones, of different contents and styles."""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass

from nst_core.gallery.pages import Card, Picture
from nst_core.gallery.results import Pair

_CANDIDATES = 64
_COVERS = 4


@dataclass(frozen=True, order=True)
class _Candidate:
    loss_left: float
    position: int
    content: str
    style: str
    picture: Picture


class Covers:
    """Looks at the cards of an artist page by page and remembers a few."""

    def __init__(self) -> None:
        self._best: list[_Candidate] = []
        self._seen = 0

    def offer(self, pairs: list[Pair], cards: list[Card]) -> None:
        """Take note of the pairs of one page that have a picture."""
        shown = [
            _Candidate(_rank(pair), position, card.content.name, card.style_name, card.result)
            for position, (pair, card) in enumerate(zip(pairs, cards, strict=True), self._seen)
            if card.result.thumbnail
        ]
        self._seen += len(pairs)
        self._best = heapq.nsmallest(_CANDIDATES, self._best + shown, key=lambda one: (one.loss_left, one.position))

    def chosen(self) -> tuple[Picture, ...]:
        """The best result, and up to three more that show something else where there is something else to show."""
        left, chosen = list(self._best), list[_Candidate]()
        while left and len(chosen) < _COVERS:
            contents, styles = {one.content for one in chosen}, {one.style for one in chosen}
            pick = min(left, key=lambda one: ((one.content in contents) + (one.style in styles), left.index(one)))
            left.remove(pick)
            chosen.append(pick)
        return tuple(one.picture for one in chosen)


def _rank(pair: Pair) -> float:
    return math.inf if pair.loss_left is None else pair.loss_left
