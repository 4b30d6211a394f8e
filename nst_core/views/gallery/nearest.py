"""The nearest neighbours of many vectors among many, block by block: memory does not grow with their product."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
Places = NDArray[np.int64]

_BLOCK_VALUES = 4_000_000
"""Similarities in memory at a time, some 16 MB."""


def nearest(
    queries: Vectors,
    vectors: Vectors,
    count: int,
    is_kin: Callable[[slice], NDArray[np.bool_]],
    most_kin: int,
    themselves: bool = False,
) -> Places:
    """(Q, count): of each query the places of the vectors most similar to it, the most similar first; -1 for none.

    Args:
        queries, vectors: (Q, L), (N, L) of length 1: inner products are similarities.
        is_kin: called with a slice of the queries: (B, N), whether a vector is a query's kin (of the same painting, by
            the same artist), of which at most `most_kin` are among its neighbours.
        themselves: the queries are the vectors: none is its own neighbour.
    """
    found = np.full((len(queries), count), -1, np.int64)
    if not len(vectors):
        return found
    step = max(1, _BLOCK_VALUES // len(vectors))
    for start in range(0, len(queries), step):
        rows = slice(start, min(start + step, len(queries)))
        similarity = queries[rows] @ vectors.T
        if themselves:
            similarity[np.arange(len(similarity)), np.arange(rows.start, rows.stop)] = -np.inf
        kin = is_kin(rows)
        parts = [_most_similar(np.where(kin, -np.inf, similarity), count)]
        if most_kin:
            parts.append(_most_similar(np.where(kin, similarity, -np.inf), min(most_kin, count)))
        places = np.concatenate([places for places, _ in parts], axis=1)
        values = np.concatenate([values for _, values in parts], axis=1)
        order = np.argsort(-values, axis=1, kind="stable")[:, :count]
        chosen = np.take_along_axis(places, order, axis=1)
        chosen[~np.isfinite(np.take_along_axis(values, order, axis=1))] = -1
        found[rows, : chosen.shape[1]] = chosen
    return found


def _most_similar(similarity: Vectors, count: int) -> tuple[Places, Vectors]:
    """(B, up to count): the places of the largest values of each row, in falling order, and the values."""
    count = min(count, similarity.shape[1])
    places = np.argpartition(-similarity, count - 1, axis=1)[:, :count]
    values = np.take_along_axis(similarity, places, axis=1)
    order = np.lexsort((places, -values), axis=1)
    return np.take_along_axis(places, order, axis=1), np.take_along_axis(values, order, axis=1)
