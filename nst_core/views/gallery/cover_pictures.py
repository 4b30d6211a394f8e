"""The pictures of an artist on the index: the most finished results, of different contents and styles."""

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
class CoverPicture:
    """A result on the index. `loss_left`: the share of its initial loss that is left; None where that is unknown."""

    identity: str
    name: str
    title: str
    loss_left: float | None
    thumbnail: Thumbnail


class CoverSelection:
    """The selection of an artist's cover pictures, from cards that come page by page; holds a few of them."""

    def __init__(self) -> None:
        self._best: list[ResultCard] = []

    def add(self, cards: Iterable[ResultCard]) -> None:
        """Consider the cards of one page that have a picture; of equal ones the earlier count."""
        shown = (card for card in cards if card.result is not None)
        self._best = heapq.nsmallest(_CANDIDATES, [*self._best, *shown], key=_rank)

    def covers(self) -> tuple[CoverPicture, ...]:
        """The best result, and up to three more that show something else where there is something else to show."""
        rest, covers = list(self._best), list[ResultCard]()
        while rest and len(covers) < _COVERS:
            contents, styles = {card.name for card in covers}, {card.style_name for card in covers}
            covers.append(min(rest, key=lambda card: (card.name in contents) + (card.style_name in styles)))
            rest.remove(covers[-1])
        return tuple(
            CoverPicture(card.identity, card.name, card.title, card.loss_left, card.result)
            for card in covers
            if card.result is not None
        )


def _rank(card: ResultCard) -> float:
    return math.inf if card.loss_left is None else card.loss_left
