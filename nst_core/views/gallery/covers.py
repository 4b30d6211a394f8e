"""Which results stand for an artist on the index: the most finished ones, of different contents and styles."""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable
from dataclasses import dataclass

from nst_core.views.gallery.cards import ResultCard
from nst_core.views.thumbnails import Thumbnail

_CANDIDATES = 64
_COVERS = 4


@dataclass(frozen=True)
class Cover:
    """A result on the index. `loss_left`: the share of its initial loss that is left; None where that is unknown."""

    identity: str
    name: str
    title: str
    loss_left: float | None
    thumbnail: Thumbnail


@dataclass(frozen=True)
class _Candidate:
    rank: tuple[float, int]
    content: str
    style: str
    cover: Cover


class Covers:
    """Looks at the cards of an artist page by page and remembers a few."""

    def __init__(self) -> None:
        self._best: list[_Candidate] = []
        self._seen = 0

    def offer(self, cards: Iterable[ResultCard]) -> None:
        """Take note of the cards of one page that have a picture."""
        for card in cards:
            self._seen += 1
            if card.result is not None:
                left = card.pair.loss_left
                cover = Cover(card.identity, card.name, card.title, left, card.result)
                rank = (math.inf if left is None else left, self._seen)
                self._best.append(_Candidate(rank, card.name, card.style_name, cover))
        self._best = heapq.nsmallest(_CANDIDATES, self._best, key=lambda one: one.rank)

    def chosen(self) -> tuple[Cover, ...]:
        """The best result, and up to three more that show something else where there is something else to show."""
        left, chosen = list(self._best), list[_Candidate]()
        while left and len(chosen) < _COVERS:
            contents, styles = {one.content for one in chosen}, {one.style for one in chosen}
            pick = min(left, key=lambda one: ((one.content in contents) + (one.style in styles), left.index(one)))
            left.remove(pick)
            chosen.append(pick)
        return tuple(one.cover for one in chosen)
