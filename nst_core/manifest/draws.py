"""Draws that are functions of their key alone: the same on every machine, in every version, in any order.

All random numbers are sha256 of the key: no generator whose stream could change between versions of Python or NumPy.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any


def draw(count: int, pool_size: int, *key: object) -> list[int]:
    """`count` distinct indices below `pool_size`, in drawn order, as a function of `key` alone; at most all.

    A sparse Fisher–Yates shuffle: asking for more adds to what was drawn.
    """
    start = _hash_of(*key, "")
    moved: dict[int, int] = {}
    drawn = []
    for step in range(min(count, pool_size)):
        hashed = start.copy()
        hashed.update(b"%d" % step)
        # Of 256 bits: the modulo's bias is nil.
        chosen = step + int.from_bytes(hashed.digest(), "big") % (pool_size - step)
        drawn.append(moved.get(chosen, chosen))
        moved[chosen] = moved.get(step, step)
    return drawn


def uniform(*key: object) -> float:
    """A number in [0, 1)."""
    return int.from_bytes(_hash_of(*key).digest()[:6], "big") / 2**48


def weighted_choice(weights: Mapping[str, float], *key: object) -> str:
    """One of the names, each as often as its weight says, in whatever order they are given.

    At least one weight must be positive.
    """
    place, last = uniform(*key) * math.fsum(weights.values()), ""
    for name, weight in sorted(weights.items()):
        if weight > 0:
            last = name
            if place < weight:
                return name
            place -= weight
    return last  # rounding may leave a crumb behind the last one


def part_of(shares: Mapping[str, float], *key: object) -> str:
    """Which part of a division something belongs to; `shares` need not add up to 1."""
    return weighted_choice(shares, *key)


def divide(items: Sequence[str], shares: Mapping[str, float], *key: object) -> dict[str, str]:
    """Items divided into parts in these proportions, as evenly as their number allows; by item, its part.

    The items are put in a drawn order that does not depend on the one given; where the cuts do not fall between two
    items, the draw decides who gets the odd one, so that over many groups the proportions hold.
    """
    order = sorted(items, key=lambda item: (_hash_of(*key, item).digest(), item))
    offset, total = uniform(*key, "offset"), math.fsum(shares.values())
    return {item: _part_at((place + offset) / len(order) * total, shares) for place, item in enumerate(order)}


def round_robin(decks: Mapping[str, Sequence[int]], wanted: int) -> Iterator[tuple[str, int]]:
    """One from each deck in turn, until enough are dealt or all decks are empty."""
    dealt = 0
    for turn in range(max((len(deck) for deck in decks.values()), default=0)):
        for name, deck in decks.items():
            if turn < len(deck) and dealt < wanted:
                dealt += 1
                yield name, deck[turn]


def _part_at(place: float, shares: Mapping[str, float]) -> str:
    name = ""
    for name, share in sorted(shares.items()):
        if place < share:
            return name
        place -= share
    return name


def _hash_of(*key: object) -> Any:
    return sha256("\0".join(str(part) for part in key).encode("utf-8", "surrogatepass"))
