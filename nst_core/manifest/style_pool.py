"""The pool of styles that some contents may meet, from which their styles are drawn."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from nst_core.config.pairing import Pairing
from nst_core.errors import ConfigError
from nst_core.manifest.draws import draw, round_robin, weighted_choice
from nst_core.manifest.palettes import PaletteOrder, Palettes
from nst_core.sources.artist_names import artist_key
from nst_core.sources.base import Item


class StylePool:
    """Styles in the groups that `pairing.balance` names; with `palettes`, in the order that a strategy puts them in."""

    def __init__(self, pairing: Pairing, items: tuple[Item, ...], palettes: Palettes | None = None) -> None:
        self._pairing, self._items = pairing, items
        self._order: PaletteOrder | None = None
        if palettes is not None and (pairing.strategy == "nearest" or pairing.strategy == "farthest"):
            self._order = PaletteOrder(items, palettes, pairing.strategy, pairing.seed)
        self.groups = _groups(items, pairing.balance)
        self._names = sorted(self.groups)
        self._overlap = sum(map(len, self.groups.values())) > len(items)
        self._by_artist = sorted(_groups([item for item in items if item.artist], "artist").items())
        wanted = {artist_key(name): weight for name, weight in (pairing.weights or {}).items()}
        self._weights = {name: wanted.get(artist_key(name), 1.0) for name in self._names}
        self._check()

    def draw_styles(self, content: str) -> Iterator[tuple[Item, ...]]:
        """Yield the styles of each pair of a content, given by its id: one, or as many as are blended."""
        if self._pairing.strategy == "grid":
            yield from ((item,) for item in self._items)
        elif self._order is not None:
            yield from ((item,) for item in self._order.first(content, self._pairing.styles_per_content))
        elif self._pairing.strategy == "artist":
            for artist, works in self._by_artist:
                chosen = draw(self._pairing.blend, len(works), self._pairing.seed, content, artist)
                yield tuple(works[index] for index in chosen)
        else:
            blend = self._pairing.blend
            items = list(self._random(content, self._pairing.styles_per_content * blend))
            yield from (tuple(items[at : at + blend]) for at in range(0, len(items) - blend + 1, blend))

    def _check(self) -> None:
        """Raise ConfigError if a content would get no style."""
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
        """Draw distinct styles; a larger number adds to the same draw."""
        wanted = min(wanted, len(self._items))
        if self._pairing.weights:
            yield from self._weighted(content, wanted)
        else:
            yield from self._balanced(content, wanted)

    def _balanced(self, content: str, wanted: int) -> Iterator[Item]:
        """Draw one of each group in turn, the groups in drawn order, round after round."""
        names, seed = self._names, self._pairing.seed
        turns = len(names) if self._overlap else wanted
        order = [names[index] for index in draw(turns, len(names), seed, content, "group")]
        each = wanted if self._overlap else _rounds([len(self.groups[name]) for name in order], wanted)
        indices = {name: draw(each, len(self.groups[name]), seed, content, name) for name in order}
        count = sum(map(len, indices.values())) if self._overlap else wanted
        items = (self.groups[name][index] for name, index in round_robin(indices, count))
        yield from itertools.islice({item.id: item for item in items}.values(), wanted)

    def _weighted(self, content: str, wanted: int) -> Iterator[Item]:
        """Draw each style from a group that is drawn anew, by the weights of the groups that are not exhausted."""
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


def _rounds(sizes: list[int], wanted: int) -> int:
    """A number of rounds, one of each group per round, that gives `wanted` items of groups of these sizes."""
    rounds = -(-wanted // len(sizes))
    while sum(min(size, rounds) for size in sizes) < min(wanted, sum(sizes)):
        rounds *= 2
    return rounds


def _groups(items: tuple[Item, ...] | list[Item], balance: str) -> dict[str, list[Item]]:
    """Group styles by artist or genre (one of several genres is in each of these groups), or all in one group."""
    groups: dict[str, list[Item]] = {}
    for item in items:
        keys = {"artist": (item.artist or "",), "genre": item.genres or ("",)}.get(balance, ("",))
        for key in dict.fromkeys(keys):
            groups.setdefault(key, []).append(item)
    return groups
