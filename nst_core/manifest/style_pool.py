"""A pool of styles, and how a content's styles are drawn from it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from nst_core.config.pairing import Pairing
from nst_core.errors import ConfigError
from nst_core.manifest.draws import draw, round_robin, weighted_choice
from nst_core.sources.artist_names import artist_key
from nst_core.sources.base import Item


class StylePool:
    """Styles that some contents may meet, grouped as `balance` asks."""

    def __init__(self, pairing: Pairing, items: tuple[Item, ...]) -> None:
        self._pairing, self._items = pairing, items
        self.groups = _groups(items, pairing.balance)
        self._names = sorted(self.groups)
        self._overlap = sum(map(len, self.groups.values())) > len(items)
        self._by_artist = sorted(_groups([item for item in items if item.artist], "artist").items())
        wanted = {artist_key(name): weight for name, weight in (pairing.weights or {}).items()}
        self._weights = {name: wanted.get(artist_key(name), 1.0) for name in self._names}
        self._check()

    def drawn(self, content: str) -> Iterator[tuple[Item, ...]]:
        """The styles of each pair of a content, by its id: one, or as many as are blended."""
        if self._pairing.strategy == "grid":
            yield from ((item,) for item in self._items)
        elif self._pairing.strategy == "artist":
            for artist, works in self._by_artist:
                chosen = draw(self._pairing.blend, len(works), self._pairing.seed, content, artist)
                yield tuple(works[index] for index in chosen)
        else:
            blend = self._pairing.blend
            items = list(self._random(content, self._pairing.styles_per_content * blend))
            yield from (tuple(items[at : at + blend]) for at in range(0, len(items) - blend + 1, blend))

    def _check(self) -> None:
        """Raises ConfigError where a content would get nothing."""
        if self._pairing.strategy == "artist" and not self._by_artist:
            raise ConfigError(
                "pairing.strategy `artist` needs styles by artist: put each artist's images into a sub-folder."
            )
        if self._pairing.strategy != "random":
            return
        left = {item.id for name, group in self.groups.items() if self._weights[name] for item in group}
        if not left:
            raise ConfigError("pairing.weights leaves nothing to draw: all weights are 0.")
        if self._pairing.blend > len(left):
            wanted = self._pairing.blend
            raise ConfigError(f"pairing.blend is {wanted}, but only {len(left)} styles are there to blend.")

    def _random(self, content: str, wanted: int) -> Iterator[Item]:
        """Distinct styles; asking for more adds to what was drawn."""
        wanted = min(wanted, len(self._items))
        if self._pairing.weights:
            yield from self._weighted(content, wanted)
        else:
            yield from self._balanced(content, wanted)

    def _balanced(self, content: str, wanted: int) -> Iterator[Item]:
        """From one group after the other, in drawn order, until every group has had its turn; then again."""
        names, seed = self._names, self._pairing.seed
        turns = len(names) if self._overlap else wanted
        order = [names[index] for index in draw(turns, len(names), seed, content, "group")]
        each = wanted if self._overlap else _turns([len(self.groups[name]) for name in order], wanted)
        decks = {name: draw(each, len(self.groups[name]), seed, content, name) for name in order}
        if not self._overlap:
            yield from (self.groups[name][index] for name, index in round_robin(decks, wanted))
            return
        every = (self.groups[name][index] for name, index in round_robin(decks, sum(map(len, decks.values()))))
        yield from itertools.islice({item.id: item for item in every}.values(), wanted)

    def _weighted(self, content: str, wanted: int) -> Iterator[Item]:
        """Each from a group that is drawn anew, by the weights of those that are not exhausted."""
        seed, left = self._pairing.seed, dict(self._weights)
        used = dict.fromkeys(self._names, 0)
        seen: set[str] = set()
        for turn in range(sum(map(len, self.groups.values()))):
            if len(seen) == wanted or not any(left.values()):
                return
            name = weighted_choice(left, seed, content, "weight", turn)
            group = self.groups[name]
            used[name] += 1
            item = group[draw(used[name], len(group), seed, content, name)[-1]]
            if used[name] == len(group):
                left[name] = 0.0
            if item.id not in seen:
                seen.add(item.id)
                yield item


def _turns(sizes: list[int], wanted: int) -> int:
    """Turns that are enough to get so many of groups of these sizes, one of each at a turn."""
    turns = -(-wanted // len(sizes))
    while sum(min(size, turns) for size in sizes) < min(wanted, sum(sizes)):
        turns *= 2
    return turns


def _groups(items: tuple[Item, ...] | list[Item], balance: str) -> dict[str, list[Item]]:
    """Styles by artist or genre (one of several genres is in each of them), or all in one group."""
    groups: dict[str, list[Item]] = {}
    for item in items:
        keys = {"artist": (item.artist or "",), "genre": item.genres or ("",)}.get(balance, ("",))
        for key in dict.fromkeys(keys):
            groups.setdefault(key, []).append(item)
    return groups
