"""The nearest neighbours, block by block, are those of all similarities at once."""

from __future__ import annotations

import numpy as np
import pytest

from nst_core.views.gallery import nearest as module
from nst_core.views.gallery.nearest import nearest


def unit(count: int, seed: int) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(count, 8)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def none_of(count: int) -> object:
    return lambda rows: np.zeros((rows.stop - rows.start, count), bool)


@pytest.mark.parametrize("block", [1, 70, 10_000_000])
def test_blocks_find_what_the_whole_product_says(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_BLOCK_VALUES", block)
    vectors = unit(60, 0)
    similarity = vectors @ vectors.T
    np.fill_diagonal(similarity, -np.inf)
    found = nearest(vectors, vectors, 5, none_of(60), 0, themselves=True)  # type: ignore[arg-type]
    assert found.tolist() == np.argsort(-similarity, axis=1)[:, :5].tolist()


def test_kin_are_few_and_stand_where_they_belong() -> None:
    vectors, group = unit(40, 1), np.arange(40) % 2
    found = nearest(vectors, vectors, 6, lambda rows: group[rows, None] == group, 2, themselves=True)
    similarity = vectors @ vectors.T
    for number, places in enumerate(found.tolist()):
        assert number not in places
        assert sum(group[place] == group[number] for place in places) <= 2
        assert (np.diff(similarity[number, places]) <= 1e-6).all()
        strangers = [place for place in np.argsort(-similarity[number]) if group[place] != group[number]]
        assert set(strangers[:4]) <= set(places)


def test_where_all_are_kin_there_are_no_more_than_may_be() -> None:
    vectors = unit(5, 2)
    found = nearest(vectors, vectors, 4, lambda rows: np.ones((rows.stop - rows.start, 5), bool), 2, themselves=True)
    assert (found[:, :2] >= 0).all()
    assert (found[:, 2:] == -1).all()


def test_few_or_none_leave_places_empty() -> None:
    assert nearest(unit(3, 0), unit(0, 1), 4, none_of(0), 0).tolist() == [[-1] * 4] * 3  # type: ignore[arg-type]
    found = nearest(unit(1, 0), unit(2, 1), 4, none_of(2), 0)  # type: ignore[arg-type]
    assert sorted(found[0].tolist()) == [-1, -1, 0, 1]
    alone = unit(1, 0)
    assert nearest(alone, alone, 2, none_of(1), 0, themselves=True).tolist() == [[-1, -1]]  # type: ignore[arg-type]
