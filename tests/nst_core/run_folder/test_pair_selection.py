"""Which pairs a person means, and what is said where that is not clear."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from shown import done, write

from nst_core.errors import UsageError
from nst_core.run_folder.finished_pairs import FinishedPair
from nst_core.run_folder.pair_selection import best_pairs, pairs_by_id, pairs_of_artist

IDS = ["aaaa000000000000", "aaaa111111111111", "bbbb000000000000", "cccc000000000000", "dddd000000000000"]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Three finished pairs, one that failed, one of another artist."""
    run = tmp_path / "run"
    rows = [done(run, f"c{i}", pair_id=name, left=0.9 - i / 10) for i, name in enumerate(IDS[:3])]
    failed = replace(
        done(run, "c3", pair_id=IDS[3]), status="failed", file_name=None, loss_trace=None, error_message="no memory"
    )
    return write(run, [*rows, failed, done(run, "c4", "Bo d'Or", pair_id=IDS[4], left=0.75)])


def ids(pairs: list[FinishedPair]) -> list[str]:
    return [pair.pair_id for pair in pairs]


def test_an_id_may_be_cut_while_it_is_one_pairs_own(run: Path) -> None:
    assert ids(pairs_by_id(run, ["bbbb", "AAAA1", IDS[0]])) == [IDS[2], IDS[1], IDS[0]]
    assert ids(pairs_by_id(run, ["bbbb", "bbbb0", IDS[2]])) == [IDS[2]]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("aaaa", "begins the ids of 2 pairs"),
        ("eeee", "has no pair eeee"),
        ("bbb", "is no pair id"),
        ("zzzz", "is no pair id"),
        ("bbbb0000000000000", "is no pair id"),
        ("cccc", r"has no picture: it was failed \(no memory\)"),
    ],
)
def test_an_id_that_means_no_picture_is_told_why(run: Path, text: str, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        pairs_by_id(run, [IDS[0], text])


def test_an_artists_pairs_by_name_in_any_case(run: Path) -> None:
    assert ids(pairs_of_artist(run, "bo_D'or")) == [IDS[4]]
    assert ids(pairs_of_artist(run, None)) == [*IDS[:3], IDS[4]]
    with pytest.raises(UsageError, match=r"no finished picture of 'Bo dOr' .did you mean"):
        pairs_of_artist(run, "Bo dOr")


def test_the_best_have_the_least_of_their_loss_left(run: Path) -> None:
    assert ids(best_pairs(run, pairs_of_artist(run, None), 2)) == [IDS[2], IDS[4]]
    assert ids(best_pairs(run, pairs_of_artist(run, "Ada"), 9)) == [IDS[2], IDS[1], IDS[0]]


def test_pairs_without_a_trace_come_last(run: Path) -> None:
    write(run, [replace(done(run, "x", pair_id="0000000000000000"), loss_trace=trace) for trace in (None, [])], "0001")
    assert ids(best_pairs(run, pairs_of_artist(run, "Ada"), 9))[:3] == [IDS[2], IDS[1], IDS[0]]


def test_a_run_without_pictures_says_so(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has no finished picture yet"):
        pairs_of_artist(write(tmp_path / "run", []), None)
