"""A plan against the present: files that moved or changed, images that are left out now or not any more."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from planned import PRINTS, context, rows

from nst_core.engine.images.limits import ImageLimits
from nst_core.errors import DuplicateImage, ExcludedLicense, MissingImage, SkippedInput
from nst_core.manifest.pairing import Pair, StyleShare, unstylized_pair
from nst_core.plan.current_inputs import stale_pairs, with_current_inputs
from nst_core.plan.grouping import Grouping
from nst_core.plan.new_part import input_limits
from nst_core.plan.pair_table import tabulate_pairs
from nst_core.plan.part import plan_part
from nst_core.plan.part_tables import part_tables
from nst_core.plan.shapes import PlanContext
from nst_core.plan.wanted import WantedPairs
from nst_core.run_folder.folder import Outcome, RunFolder
from nst_core.run_folder.plan_table import Plan
from nst_core.sources.base import Item
from nst_core.sources.index.inputs import Input
from nst_core.storage.paths import file_state

EXCLUDED, DUPLICATE = ExcludedLicense("a", "its licence"), DuplicateImage("b", "the same as a")


def pairs_in(root: Path) -> list[Pair]:
    """Two contents with two styles, a blend, and one that stays unstylized, all below one folder."""
    a, b, plain = (Item(f"{name}.jpg", root / f"{name}.jpg") for name in ("a", "b", "plain"))
    s, t = (StyleShare(Item(f"{name}.jpg", root / f"{name}.jpg"), 0.5) for name in "st")
    single = (replace(s, share=1.0),)
    return [Pair(a, single, "A"), Pair(b, single, "A"), Pair(a, (s, t), "A"), unstylized_pair(plain, None)]


def wanted(pairs: list[Pair], contents: dict[str, SkippedInput] | None = None,
          styles: dict[str, SkippedInput] | None = None) -> WantedPairs:  # fmt: skip
    return WantedPairs(tabulate_pairs(pairs, PRINTS.method), contents or {}, styles or {})


def plan_of(pairs: list[Pair], known: PlanContext | None = None, folder: Path | None = None) -> Plan:
    """The plan of `pairs`, as a run folder gives it where there is one."""
    part = plan_part(0, tabulate_pairs(pairs, PRINTS.method), Plan.of([]), known or context(pairs), Grouping(4, 4))
    if folder is None:
        return Plan.of(rows(part))
    RunFolder(folder).append_plan(0, part_tables(part))
    return RunFolder(folder).read_plan()


class TestAsAsked:
    @pytest.mark.parametrize("stored", [True, False])
    def test_the_files_of_a_dataset_that_moved_are_where_it_lies_now(self, stored: bool, tmp_path: Path) -> None:
        before = plan_of(pairs_in(Path("old")), folder=tmp_path if stored else None)
        after = with_current_inputs(before, wanted(pairs_in(Path("new"))))
        for old, new in zip(before, after, strict=True):
            assert new.content_path == old.content_path.replace("old", "new")
            assert new.style_paths == tuple(path.replace("old", "new") for path in old.style_paths)
            assert replace(new, content_path="", style_paths=()) == replace(old, content_path="", style_paths=())

    def test_pairs_that_are_not_asked_for_any_more_stay_as_planned(self) -> None:
        before = plan_of(pairs_in(Path("old")))
        after = with_current_inputs(before, wanted(pairs_in(Path("new"))[:1]))
        moved = [new for old, new in zip(before, after, strict=True) if old != new]
        assert [(row.content_id, row.style_ids) for row in moved] == [("a.jpg", ("s.jpg",))]

    def test_what_is_asked_for_and_not_planned_yet_changes_nothing(self) -> None:
        before = plan_of(pairs_in(Path("x"))[:2])
        assert list(with_current_inputs(before, wanted(pairs_in(Path("x"))))) == list(before)
        assert list(with_current_inputs(before, wanted([]))) == list(before)
        assert list(with_current_inputs(Plan.of([]), wanted(pairs_in(Path("x"))))) == []

    def test_what_is_left_out_now_is_skipped_by_content_and_by_style(self, tmp_path: Path) -> None:
        before = plan_of(pairs_in(Path("x")), folder=tmp_path)
        after = with_current_inputs(before, wanted(pairs_in(Path("x")), {"b.jpg": EXCLUDED}, {"t.jpg": DUPLICATE}))
        found = {(row.content_id, row.style_ids): (row.error_class, row.error_message) for row in after}
        assert found == {
            ("a.jpg", ("s.jpg",)): (None, None),
            ("b.jpg", ("s.jpg",)): ("ExcludedLicense", "a: its licence"),
            ("a.jpg", ("s.jpg", "t.jpg")): ("DuplicateImage", "b: the same as a"),
            ("plain.jpg", ()): (None, None),
        }

    def test_what_was_left_out_and_is_not_any_more_is_to_be_made(self, tmp_path: Path) -> None:
        pairs = pairs_in(Path("x"))
        known = replace(context(pairs), skipped_contents={"a.jpg": EXCLUDED}, skipped_styles={"s.jpg": DUPLICATE})
        before = plan_of(pairs, known, tmp_path)
        assert [row.error_class for row in before].count(None) == 1
        assert {row.error_class for row in with_current_inputs(before, wanted(pairs))} == {None}
        other = with_current_inputs(before, wanted(pairs, {"a.jpg": DUPLICATE}))
        assert {row.content_id: row.error_class for row in other} == {
            "a.jpg": "DuplicateImage", "b.jpg": None, "plain.jpg": None
        }  # fmt: skip
        assert list(with_current_inputs(before, wanted(pairs[:0]))) == list(before)

    def test_a_bad_input_stays_bad_unless_it_is_left_out(self, tmp_path: Path) -> None:
        pairs = pairs_in(Path("x"))
        before = plan_of(pairs, context(pairs, {"b.jpg": MissingImage("b", "it went")}), tmp_path)
        every: list[dict[str, SkippedInput]] = [{}, {"a.jpg": EXCLUDED}, {"b.jpg": EXCLUDED}]
        after = [with_current_inputs(before, wanted(pairs, skips)) for skips in every]
        found = [{row.content_id: row.error_class for row in plan}["b.jpg"] for plan in (before, *after)]
        assert found == ["MissingImage", "MissingImage", "MissingImage", "ExcludedLicense"]


def written(root: Path, **texts: str) -> None:
    for name, text in texts.items():
        (root / f"{name}.jpg").write_text(text)


def inspected(pairs: list[Pair]) -> PlanContext:
    """What is known of files that are really there, whatever is in them."""
    inputs = {}
    for path in input_limits(tabulate_pairs(pairs, PRINTS.method), ImageLimits(), ImageLimits()):
        digest = sha256(path.read_bytes()).hexdigest() if path.exists() else None
        inputs[path] = Input(path, 100, 80, digest, *file_state(path))
    return replace(context(pairs), inputs=inputs)


def digests(root: Path, *names: str) -> tuple[str | None, ...]:
    return tuple(sha256((root / f"{name}.jpg").read_bytes()).hexdigest() for name in names)


class TestStalePairs:
    @pytest.fixture
    def plan(self, tmp_path: Path) -> Plan:
        written(tmp_path, a="a", b="b", plain="p", s="s", t="t")
        pairs = pairs_in(tmp_path)
        return plan_of(pairs, inspected(pairs), tmp_path / "run")

    def found(self, plan: Plan, outcomes: dict[str, Outcome] | None = None) -> set[tuple[str, tuple[str, ...]]]:
        rows = {row.pair_id: (row.content_id, row.style_ids) for row in plan}
        return {rows[name] for name in stale_pairs(plan, outcomes or {})}

    def made(self, plan: Plan, content: str, styles: tuple[str, ...], *inputs: str | None) -> dict[str, Outcome]:
        (name,) = (row.pair_id for row in plan if (row.content_id, row.style_ids) == (content, styles))
        return {name: Outcome("success", "x", 1, inputs)}

    def test_nothing_is_stale_while_nothing_changes(self, plan: Plan, tmp_path: Path) -> None:
        assert self.found(plan) == set()
        (tmp_path / "a.jpg").touch()  # another time, the same bytes
        assert self.found(plan) == set()

    def test_each_pair_with_the_changed_file_is_stale(self, plan: Plan, tmp_path: Path) -> None:
        written(tmp_path, t="other")
        assert self.found(plan) == {("a.jpg", ("s.jpg", "t.jpg"))}
        written(tmp_path, a="other")
        assert self.found(plan) == {("a.jpg", ("s.jpg", "t.jpg")), ("a.jpg", ("s.jpg",))}
        (tmp_path / "plain.jpg").unlink()
        assert ("plain.jpg", ()) in self.found(plan)

    def test_what_was_made_of_the_present_bytes_is_not(self, plan: Plan, tmp_path: Path) -> None:
        written(tmp_path, s="other", plain="new")
        stale = {("a.jpg", ("s.jpg",)), ("b.jpg", ("s.jpg",)), ("a.jpg", ("s.jpg", "t.jpg")), ("plain.jpg", ())}
        assert self.found(plan) == stale
        blend = ("a.jpg", ("s.jpg", "t.jpg"))
        assert self.found(plan, self.made(plan, *blend, *digests(tmp_path, "a", "s", "t"))) == stale - {blend}
        assert self.found(plan, self.made(plan, *blend, *digests(tmp_path, "a", "t", "s"))) == stale

    def test_an_unstylized_pair_that_was_made_anew_is_not(self, plan: Plan, tmp_path: Path) -> None:
        """Its results have an empty hash where those of others have their styles'."""
        written(tmp_path, plain="new")
        assert self.found(plan) == {("plain.jpg", ())}
        for made in (self.made(plan, "plain.jpg", (), *digests(tmp_path, "plain"), *rest) for rest in ((), (None,))):
            assert self.found(plan, made) == set()
        assert self.found(plan, self.made(plan, "plain.jpg", (), "0" * 64, None)) == {("plain.jpg", ())}

    def test_a_file_that_was_not_there_and_is_now_makes_its_pairs_stale(self, tmp_path: Path) -> None:
        written(tmp_path, b="b", plain="p", s="s", t="t")
        pairs = pairs_in(tmp_path)
        plan = plan_of(pairs, inspected(pairs))
        assert self.found(plan) == set()
        written(tmp_path, a="a")
        assert self.found(plan) == {("a.jpg", ("s.jpg",)), ("a.jpg", ("s.jpg", "t.jpg"))}

    def test_a_content_planned_twice_with_other_bytes_is_stale_where_those_are_gone(self, tmp_path: Path) -> None:
        written(tmp_path, a="first", b="b", plain="p", s="s", t="t")
        pairs, folder = pairs_in(tmp_path), RunFolder(tmp_path / "run")
        plan_of(pairs[:1], inspected(pairs[:1]), folder.root)
        written(tmp_path, a="second, longer")
        later = plan_part(1, tabulate_pairs(pairs, PRINTS.method), folder.read_plan(), inspected(pairs), Grouping(4, 4))
        folder.append_plan(1, part_tables(later))
        assert self.found(folder.read_plan()) == {("a.jpg", ("s.jpg",))}
        written(tmp_path, a="first")
        assert self.found(folder.read_plan()) == {("a.jpg", ("s.jpg", "t.jpg"))}

    def test_an_empty_plan_has_none(self) -> None:
        assert stale_pairs(Plan.of([]), {}) == []
