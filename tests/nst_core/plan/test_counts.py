"""Counting rows that are planned and rows that are about to be comes to the same."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planned import PRINTS, context, rows

from nst_core.errors import DuplicateImage, ExcludedLicense, MissingImage
from nst_core.manifest.pairing import Pair, StyleShare, style_shares, unstylized_pair
from nst_core.manifest.row import Overrides
from nst_core.plan.counts import PlanCounts, count_part, count_plan
from nst_core.plan.grouping import Grouping
from nst_core.plan.pair_table import tabulate_pairs
from nst_core.plan.part import PlanPart, plan_part
from nst_core.plan.part_tables import part_tables
from nst_core.run_folder.folder import RunFolder
from nst_core.run_folder.plan_table import Plan
from nst_core.sources.base import Item

LICENSES = ("CC0", None, "CC-BY-4.0")
CONTENTS = [Item(f"{i}.jpg", Path(f"c/{i}.jpg"), license=LICENSES[i % 3]) for i in range(5)]
STYLES = [Item(f"s{i}.jpg", Path(f"s/s{i}.jpg"), artist=f"A{i % 2}", license=LICENSES[i % 2]) for i in range(3)]
SIZES = {"0": (100, 80), "1": (80, 100), "2": (640, 20)}


def part_of(pairs: list[Pair], skip: bool = True) -> PlanPart:
    """The third content is too narrow, the fourth missing, the fifth and the third style are left out."""
    known = context(pairs, {"3.jpg": MissingImage("c/3.jpg", "there is no such file")}, **SIZES)
    if skip:
        skipped = {"4.jpg": ExcludedLicense("c/4.jpg", "its licence")}
        known = replace(
            known, skipped_contents=skipped, skipped_styles={"s2.jpg": DuplicateImage("s/s2.jpg", "the same")}
        )
    return plan_part(0, tabulate_pairs(pairs, PRINTS.method), Plan.of([]), known, Grouping(2, 4))


pairs = st.builds(
    lambda content, styles, size: (
        Pair(content, style_shares(styles), styles[0].artist, overrides=Overrides(size=size))
        if styles
        else unstylized_pair(content, None)
    ),
    st.sampled_from(CONTENTS),
    st.lists(st.sampled_from(STYLES), max_size=2, unique_by=lambda item: item.id),
    st.sampled_from([None, 32]),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(pairs, max_size=12))
def test_a_plan_and_a_part_of_the_same_rows_count_alike(drawn: list[Pair]) -> None:
    part = part_of(drawn)
    assert count_plan(Plan.of(rows(part)), np.zeros(len(part), bool)) == count_part(part)


def test_a_plan_that_was_stored_counts_like_the_part_it_was(tmp_path: Path) -> None:
    part = part_of([Pair(c, (StyleShare(s),), s.artist) for c in CONTENTS for s in STYLES])
    RunFolder(tmp_path).append_plan(0, part_tables(part))
    assert count_plan(RunFolder(tmp_path).read_plan(), np.zeros(15, bool)) == count_part(part)


class TestCounts:
    @pytest.fixture
    def counts(self) -> PlanCounts:
        grid = [Pair(c, (StyleShare(s),), s.artist) for c in CONTENTS for s in STYLES]
        return count_part(part_of([*grid, unstylized_pair(CONTENTS[0], None)]))

    def test_work_is_what_can_be_stylized(self, counts: PlanCounts) -> None:
        assert counts.work == {(64, 51): 2, (51, 64): 2}

    def test_styles_and_artists_are_those_of_stylized_pairs(self, counts: PlanCounts) -> None:
        assert counts.styles == {("s0.jpg",), ("s1.jpg",), ("s2.jpg",)}
        assert counts.artists == {"a0", "a1"}
        assert counts.contents == {f"{i}.jpg" for i in range(5)}

    def test_what_is_left_out_is_counted_by_reason_and_is_not_bad(self, counts: PlanCounts) -> None:
        assert counts.left_out == {"DuplicateImage": 4, "ExcludedLicense": 3}
        assert len(counts.bad) == 2
        assert counts.bad[0].startswith("c/2.jpg: at size 64 it is 64 × 2 pixels")
        assert counts.bad[1] == "c/3.jpg: there is no such file"

    def test_licences_are_counted_for_each_role_of_what_can_be_made(self, counts: PlanCounts) -> None:
        assert counts.licenses == {
            "content: CC0": 3, "content: not stated": 2, "style: CC0": 2, "style: not stated": 2,
        }  # fmt: skip


def test_what_is_done_is_no_work_but_counts_for_all_else() -> None:
    plan = Plan.of(rows(part_of([Pair(c, (StyleShare(STYLES[0]),), "A0") for c in CONTENTS[:2]])))
    done = np.array([row.content_id == "0.jpg" for row in plan])
    counts = count_plan(plan, done)
    assert counts.work == {(51, 64): 1}
    assert counts.contents == {"0.jpg", "1.jpg"}


def test_two_counts_add_up() -> None:
    one = count_part(part_of([Pair(CONTENTS[0], (StyleShare(STYLES[0]),), "A0")]))
    two = count_part(part_of([Pair(CONTENTS[3], (StyleShare(STYLES[1]),), "A1")]))
    both = one + two
    assert both.work == {(64, 51): 1}
    assert both.artists == {"a0", "a1"}
    assert both.bad == ("c/3.jpg: there is no such file",)
    assert both.licenses == Counter({"content: CC0": 1, "style: CC0": 1})


def test_nothing_counts_nothing() -> None:
    nothing = PlanCounts(Counter(), frozenset(), frozenset(), frozenset(), Counter(), Counter(), ())
    assert count_part(part_of([])) == nothing
    assert count_plan(Plan.of([]), np.zeros(0, bool)) == nothing
    assert nothing + nothing == nothing
