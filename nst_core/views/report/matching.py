"""Matching of the pairs of two runs. Their ids cannot serve: they depend on the method.

The same pair is the same content and styles (by their ids, with the styles' shares), artist, label, split, replicate,
and weights of the row's own. What has no such partner is looked for again by the bytes of content and styles: the files
may have other names there. Where several pairs of a run are the same in all this, they count in the order of the plan.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

_OF_ROW = ("artist", "label", "split", "replicate", "style_weight", "content_weight", "strength", "style_shares")
_BY_NAME = ("content_id", "style_ids", *_OF_ROW)
_BY_BYTES = ("content_sha256", "style_sha256", *_OF_ROW)


def match(here: pa.Table, there: pa.Table) -> tuple[NDArray[np.int64], NDArray[np.int64], int]:
    """The places of the same pairs in two plans, as parallel arrays in the order of the first; how many match by bytes.

    Args:
        here, there: with the columns of `run_reader.PLANNED`.
    """
    ours, theirs = _partners(_keys(here, _BY_NAME), _keys(there, _BY_NAME))
    left = np.setdiff1d(np.arange(here.num_rows), ours), np.setdiff1d(np.arange(there.num_rows), theirs)
    some, others = _partners(
        _keys(here.take(pa.array(left[0])), _BY_BYTES, whole=True),
        _keys(there.take(pa.array(left[1])), _BY_BYTES, whole=True),
    )
    ours, theirs = np.concatenate([ours, left[0][some]]), np.concatenate([theirs, left[1][others]])
    order = np.argsort(ours, kind="stable")
    return ours[order], theirs[order], len(some)


def _keys(plan: pa.Table, columns: Sequence[str], whole: bool = False) -> NDArray[np.uint64]:
    """A number for each pair, the same for the same pair; with `whole`, 0 where a hash is not known."""
    seen: Counter[int] = Counter()
    keys = np.zeros(plan.num_rows, np.uint64)
    for place, values in enumerate(_rows(plan, columns)):
        if whole and not _all_known(values[:2]):
            continue
        key = _hashed(values)
        seen[key] += 1
        keys[place] = key if seen[key] == 1 else _hashed((key, seen[key]))
    return keys


def _rows(plan: pa.Table, columns: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    for batch in plan.select(list(columns)).to_batches(max_chunksize=4096):
        yield from zip(*(batch.column(name).to_pylist() for name in columns), strict=True)


def _all_known(hashes: Sequence[Any]) -> bool:
    content, styles = hashes
    return bool(content) and styles is not None and all(styles)


def _hashed(values: tuple[Any, ...]) -> int:
    digest = hashlib.blake2b(repr(values).encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") | 1  # never 0


def _partners(here: NDArray[np.uint64], there: NDArray[np.uint64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    keys, ours, theirs = np.intersect1d(here, there, return_indices=True)
    known = keys != 0
    return ours[known], theirs[known]
