"""Two runs side by side: the same pairs are found, and what differs in them is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from made_up_runs import made, made_up_run, pairs

from nst_core.errors import RunFolderError
from nst_core.run_folder.folder import METHODS
from nst_core.run_folder.plan_table import PlannedPair
from nst_core.run_folder.results import unfinished_result
from nst_core.views.report.comparison import RunComparison, compare
from nst_core.views.report.comparison_section import headline
from nst_core.views.report.run_reader import read_run

HASH = "ab" * 32


def compared(here: Path, there: Path) -> RunComparison:
    return compare(read_run(here, whole_plan=True), read_run(there, whole_plan=True))


def another_method(plan: list[PlannedPair]) -> list[PlannedPair]:
    """The same pairs by another method: other ids, other seeds, other sizes, another order."""
    other = {"size": 32, "method_fingerprint": "other", "chunk_id": "00000-00000"}
    return [replace(row, pair_id=f"{n + 77:016x}", seed=n, **other) for n, row in enumerate(reversed(plan))]


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Path]:
    def make(name: str, plan: list[PlannedPair], rows: Any = None, **more: Any) -> Path:
        rows = [made(row, output_sha256=HASH) for row in plan] if rows is None else rows
        return made_up_run(tmp_path / name, rows, plan, **more)

    return make


def test_a_run_against_itself_is_no_difference(run: Callable[..., Path]) -> None:
    plan = pairs(5)
    rows = [*(made(row, output_sha256=HASH) for row in plan[:4]), unfinished_result(plan[4], "failed", 1, "E", "e")]
    root = run("one", plan, rows)
    found = compared(root, root)
    assert headline(found) == "No difference."
    assert (found.matched, found.both, found.same_bytes, found.hashed) == (5, 4, 4, 4)
    assert (found.changed, found.apart, found.asked) == ((), (), ())


def test_a_run_that_was_made_again_elsewhere_differs_in_speed_alone(run: Callable[..., Path]) -> None:
    plan = pairs(4)
    slow = [made(row, output_sha256=HASH, seconds=6.0) for row in plan]
    found = compared(run("one", plan), run("two", plan, slow))
    assert headline(found) == "No difference in what was asked and made; they differ in speed."
    assert found.seconds is not None
    assert found.seconds.median == pytest.approx(2 / 6)
    assert found.compute == (8.0, 24.0)


def test_pairs_are_the_same_across_methods_and_what_is_left_of_their_losses_is_compared(
    run: Callable[..., Path],
) -> None:
    plan = pairs(4)
    other = another_method(plan)
    lefts = {"0.jpg": 0.2, "1.jpg": 0.4, "2.jpg": 0.2, "3.jpg": 0.2}
    there = [made(row, left=lefts[row.content_id], total_loss=1e6) for row in other]
    found = compared(run("one", plan), run("two", other, there))
    assert (found.matched, found.only_here, found.only_there, found.same_method) == (4, 0, 0, False)
    assert found.losses is not None
    assert found.losses.values == pytest.approx((0.25, 0.5, 0.5, 0.5))
    here, there_, ratio = found.apart[0]
    assert (here.content_path, there_.content_path) == ("/photos/of/me/1.jpg",) * 2
    assert ratio == pytest.approx(0.25)


def test_with_one_method_losses_are_compared_as_they_are(run: Callable[..., Path]) -> None:
    plan = pairs(2)
    found = compared(run("one", plan), run("two", plan, [made(row, total_loss=1.6) for row in plan]))
    assert found.same_method
    assert found.losses is not None
    assert found.losses.median == pytest.approx(0.8 / 1.6)


def method(fingerprint: str, output: int = 95, **changes: Any) -> dict[str, Any]:
    """What a run file tells of its method."""
    told = {"features": "wavelet", "beta": 1.0, "precision": "float32"} | changes
    data = {"version": 1, "method": told, "weights_sha256": None, "output": {"format": "jpeg", "quality": output}}
    return {"method_fingerprint": fingerprint, "method_fingerprint_data": data}


@pytest.mark.parametrize(
    ("there", "same"),
    [
        (method("b", output=90), True),
        (method("b", precision="bfloat16"), True),
        (method("b", beta=2.0), False),
        ({}, False),
    ],
)
def test_how_images_are_saved_and_computed_is_not_what_losses_are_told_apart_by(
    run: Callable[..., Path], there: dict[str, Any], same: bool
) -> None:
    here, other = pairs(2, method_fingerprint="a"), another_method(pairs(2, method_fingerprint="a"))
    other = [replace(row, method_fingerprint="b") for row in other]
    found = compared(run("one", here, run_yaml=method("a")), run("two", other, run_yaml=there))
    assert found.same_method is same


def test_two_folders_of_the_same_methods_may_have_made_each_pair_by_another(run: Callable[..., Path]) -> None:
    one, two = pairs(2)
    here = [replace(one, method_fingerprint="a"), replace(two, method_fingerprint="b")]
    there = [replace(one, method_fingerprint="b"), replace(two, method_fingerprint="a")]
    methods = {name: method(name, beta=beta)["method_fingerprint_data"] for name, beta in (("a", 1.0), ("b", 2.0))}
    told = {METHODS: methods}
    swapped = compared(run("one", here, run_yaml=told), run("two", there, run_yaml=told))
    assert swapped.matched == 2
    assert not swapped.same_method
    assert compared(run("three", here, run_yaml=told), run("four", here, run_yaml=told)).same_method


def test_a_folder_of_many_methods_and_a_run_of_one_of_them_have_losses_of_one_scale(run: Callable[..., Path]) -> None:
    data = {"recipe": "fast", **method("a", output=90)["method_fingerprint_data"]}
    here, there = pairs(1, method_fingerprint="a"), pairs(1, method_fingerprint="b")
    found = compared(run("one", here, run_yaml={METHODS: {"a": data}}), run("two", there, run_yaml=method("b")))
    assert found.same_method


def test_renamed_files_are_found_by_their_bytes_and_others_are_not(run: Callable[..., Path]) -> None:
    def name_line(row: PlannedPair, prefix: str, known: bool = True) -> PlannedPair:
        sha256 = f"{int(row.content_id[0]):064x}" if known else None
        return replace(row, content_id=prefix + row.content_id, content_sha256=sha256)

    plan = pairs(4)
    here = [name_line(row, "") for row in plan[:3]] + [name_line(plan[3], "", known=False)]
    there = [
        name_line(plan[0], ""),
        *(name_line(row, "renamed ") for row in plan[1:3]),
        name_line(plan[3], "renamed ", known=False),
    ]
    found = compared(run("one", here), run("two", there))
    assert (found.matched, found.by_bytes, found.only_here, found.only_there) == (3, 2, 1, 1)


def test_labels_replicates_weights_and_shares_are_part_of_a_pair(run: Callable[..., Path]) -> None:
    plan = pairs(5)
    other = [
        plan[0],
        replace(plan[1], label="cats"),
        replace(plan[2], replicate=1),
        replace(plan[3], style_weight=2.0),
        replace(plan[4], style_ids=("a", "b"), style_paths=("a", "b"), style_shares=(0.7, 0.3)),
    ]
    assert compared(run("one", plan), run("two", other)).matched == 1


def test_pairs_that_repeat_in_all_this_are_matched_in_the_order_of_the_plan(run: Callable[..., Path]) -> None:
    row = pairs(1)[0]
    small, large = replace(row, size=64), replace(row, pair_id="f" * 16, size=128)
    here = run("one", [small, large], [made(small, left=0.1), made(large, left=0.2)])
    there = run("two", [small, large], [made(small, left=0.1), made(large, left=0.4)])
    found = compared(here, there)
    assert found.matched == 2
    assert sorted(found.loss_ratios) == pytest.approx([0.5, 1.0])


def test_changed_statuses_are_counted_with_an_example(run: Callable[..., Path]) -> None:
    plan = pairs(4)
    there = [made(plan[0], output_sha256=HASH), *(unfinished_result(r, "failed", 1, "E", "e") for r in plan[1:3])]
    found = compared(run("one", plan), run("two", plan, there))
    assert [(c.here, c.there, c.pairs) for c in found.changed] == [("success", "failed", 2), ("success", "missing", 1)]
    assert found.changed[0].example is not None
    assert found.changed[0].example.content_path == "/photos/of/me/1.jpg"
    assert headline(found) == "They differ in what became of them."


def test_what_was_asked_otherwise_is_told_by_key(run: Callable[..., Path]) -> None:
    plan = pairs(1)

    def asked(name: str, beta: float, workers: int) -> dict[str, Any]:
        return {
            "config": {"name": name, "output": {"root": f"/{name}"}, "execution": {"workers": workers}},
            "method_fingerprint_data": {"method": {"beta": beta}},
            "versions": {"torch": "2.9"},
        }

    found = compared(run("one", plan, run_yaml=asked("a", 1.0, 2)), run("two", plan, run_yaml=asked("b", 5.0, 4)))
    assert [(d.key, d.here, d.there) for d in found.asked] == [
        ("method.beta", "1.0", "5.0"),
        ("execution.workers", "2", "4"),
    ]


def test_other_bytes_of_an_image_are_a_difference(run: Callable[..., Path]) -> None:
    plan = pairs(3)
    there = [made(row, output_sha256=("cd" if n else "ab") * 32) for n, row in enumerate(plan)]
    found = compared(run("one", plan), run("two", plan, there))
    assert (found.hashed, found.same_bytes) == (3, 1)
    assert headline(found) == "They differ in the images' bytes."


def test_without_a_plan_there_is_no_comparing(run: Callable[..., Path]) -> None:
    root = run("one", pairs(1))
    next((root / "plan").glob("*")).write_bytes(b"")
    with pytest.raises(RunFolderError, match="its plan is damaged or not there"):
        compared(root, root)
