"""Duplicates: files with the same bytes, and pictures with similar perceptual hashes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import count
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from nst_core.sources.index.inputs import Input

NEAR = 6
"""Bits of 64 in which the hashes of similar pictures may differ. Re-encoded (down to quality 30) and resized copies of
photographs and paintings differ in at most 6, copies cropped by 1 % at every side mostly in 4; different pictures in
at least 16, 32 on average."""

_BANDS = np.array_split(np.arange(64, dtype=np.uint64), NEAR + 1)
"""The 64 bits in `NEAR` + 1 groups: two hashes that differ in at most `NEAR` bits agree in at least one group."""


def duplicates(inputs: Iterable[tuple[str, Input]], how: Literal["drop_exact", "drop_similar"]) -> dict[str, str]:
    """Item id → id of the first item (by id) that it duplicates, in any order of `inputs`; bad images are ignored.

    `drop_similar` compares perceptual hashes (`ScanOptions.phash`); files with the same bytes are similar, too. Each
    picture is compared with those that are kept only, so that small differences do not add up along a chain.
    """
    valid = {id: found for id, found in sorted(inputs, key=lambda item: item[0]) if found.error is None}
    first: dict[str | None, str] = {}
    same = {id: first.setdefault(found.sha256, id) for id, found in valid.items()}
    if how == "drop_similar":
        hashes = {id: valid[id].phash for id in first.values()}
        similar = _similar({id: phash for id, phash in hashes.items() if phash is not None})
        same = {id: similar.get(original, original) for id, original in same.items()}
    return {id: original for id, original in same.items() if original != id}


def _similar(hashes: dict[str, int]) -> dict[str, str]:
    """Each id → the first kept id with a near hash (or itself), in the order of `hashes`."""
    values = list(dict.fromkeys(hashes.values()))
    names = dict(zip(reversed(hashes.values()), reversed(hashes), strict=True))  # of equal hashes the first counts
    kept = _first_near(np.array(values, dtype=np.uint64))
    nearest = {value: names[values[position]] for value, position in zip(values, kept, strict=True)}
    return {id: nearest[value] for id, value in hashes.items()}


def _first_near(values: NDArray[np.uint64]) -> list[int]:
    """For each of (N,) different hashes, the position of the first kept one that is near: its own if it is kept."""
    kept = list(range(len(values)))
    for later, earlier in _near_pairs(values):
        if kept[later] == later and kept[earlier] == earlier:
            kept[later] = earlier
    return kept


def _near_pairs(values: NDArray[np.uint64]) -> Sequence[tuple[int, int]]:
    """All (later, earlier) positions of hashes that differ in at most `NEAR` bits, sorted."""
    pairs: set[tuple[int, int]] = set()
    for bits in _BANDS:
        band = values & np.bitwise_or.reduce(np.left_shift(np.uint64(1), bits))
        order = np.argsort(band, kind="stable")
        ends = np.searchsorted(band[order], band[order], side="right")
        left = np.arange(len(values))
        for step in count(1):  # all pairs within groups of equal bands, by their distance in the order
            left = left[left + step < ends[left]]
            if not len(left):
                break
            earlier, later = order[left], order[left + step]
            near = _distances(values[earlier], values[later]) <= NEAR
            pairs.update(zip(later[near].tolist(), earlier[near].tolist(), strict=True))
    return sorted(pairs)


_ONES = np.array([value.bit_count() for value in range(2**16)], dtype=np.uint8)


def _distances(first: NDArray[np.uint64], second: NDArray[np.uint64]) -> NDArray[np.uint8]:
    """The number of different bits, pair by pair: (N,)."""
    parts = _ONES[(first ^ second).view(np.uint16)].reshape(-1, 4)
    total: NDArray[np.uint8] = parts.sum(axis=1, dtype=np.uint8)
    return total
