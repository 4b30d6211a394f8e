"""Random draws that are functions of their key alone: the same on every machine, in every version, in any order.

All random numbers are sha256 of the key: no generator whose stream could change between versions of Python or NumPy.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any


def draw(count: int, pool_size: int, *key: object) -> list[int]:
    """Draw `count` distinct indices below `pool_size`, or all if there are fewer; returns them in drawn order.

    A sparse Fisher–Yates shuffle: asking for more adds to what was drawn.
    """
    start = _hash_of(*key, "")
    moved: dict[int, int] = {}
    indices = []
    for step in range(min(count, pool_size)):
        hashed = start.copy()
        hashed.update(b"%d" % step)
        # Of 256 bits: the modulo's bias is nil.
        chosen = step + int.from_bytes(hashed.digest(), "big") % (pool_size - step)
        indices.append(moved.get(chosen, chosen))
        moved[chosen] = moved.get(step, step)
    return indices


def uniform(*key: object) -> float:
    """Draw a number from [0, 1), uniformly."""
    return int.from_bytes(_hash_of(*key).digest()[:6], "big") / 2**48


def weighted_choice(weights: Mapping[str, float], *key: object) -> str:
    """Draw one of the names with probabilities proportional to their weights, whatever the names' order.

    At least one weight must be positive.
    """
    place, last = uniform(*key) * math.fsum(weights.values()), ""
    for name, weight in sorted(weights.items()):
        if weight > 0:
            last = name
            if place < weight:
                return name
            place -= weight
    return last  # `place` may exceed the sum of the weights by a rounding error


def divide(items: Sequence[str], shares: Mapping[str, float], *key: object) -> dict[str, str]:
    """Divide items into parts in the proportions of `shares`, as evenly as their number allows; returns part by item.

    The items are shuffled, whatever their order; where a cut does not fall between two items, a draw decides which part
    gets the odd one, so that the proportions hold over many groups.
    """
    order = sorted(items, key=lambda item: (_hash_of(*key, item).digest(), item))
    offset, total = uniform(*key, "offset"), math.fsum(shares.values())
    return {item: _part_at((place + offset) / len(order) * total, shares) for place, item in enumerate(order)}


def round_robin(groups: Mapping[str, Sequence[int]], count: int) -> Iterator[tuple[str, int]]:
    """Yield (name, index), one of each group in turn, until there are `count` or all groups are exhausted."""
    rounds = range(max(map(len, groups.values()), default=0))
    turns = ((name, group[at]) for at in rounds for name, group in groups.items() if at < len(group))
    return itertools.islice(turns, count)


def _part_at(place: float, shares: Mapping[str, float]) -> str:
    name = ""
    for name, share in sorted(shares.items()):
        if place < share:
            return name
        place -= share
    return name


def _hash_of(*key: object) -> Any:
    return sha256("\0".join(str(part) for part in key).encode("utf-8", "surrogatepass"))
