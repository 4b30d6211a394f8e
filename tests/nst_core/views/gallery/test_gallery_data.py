"""The parts: traces, styles, what scripts are told, and how much of it."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from exhibits import new_run, picture, row, script_data, trace, write_results

from nst_core.views.gallery import build_gallery
from nst_core.views.gallery.pages import MissingPictures
from nst_core.views.gallery.traces import MOST_POINTS, reduced
from nst_core.views.thumbnails import ThumbnailFolder
from nst_core.views.web import number


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return new_run(tmp_path / "my run")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (math.nan, ""),
        (0.0, "0"),
        (140.0, "140"),
        (14.2, "14.2"),
        (0.01234, "0.0123"),
        (1234.5, "1,234"),
        (1_234_567.0, "1.23 × 10⁶"),
        (-1e-7, "-1 × 10⁻⁷"),
    ],
)
def test_numbers_are_said_with_three_digits(value: float | None, text: str) -> None:
    assert number(value) == text


def test_a_curve_keeps_its_ends_and_leaves_out_what_has_no_logarithm() -> None:
    iterations, totals = np.arange(0, 1000, 5), np.linspace(1000, 10, 200)
    totals[[1, 2, -1]] = [math.nan, 0.0, math.inf]
    curve = reduced(iterations, totals)
    assert curve is not None
    assert len(curve.iterations) == len(curve.totals) == MOST_POINTS
    assert (curve.iterations[0], curve.iterations[-1]) == (0, 990)
    assert all(map(math.isfinite, curve.totals))
    assert curve.loss_left == pytest.approx(totals[-2] / 1000)
    assert reduced(np.array([0]), np.array([1.0])) is None
    assert reduced(np.array([0, 0]), np.array([2.0, 1.0])) is None


def test_results_without_a_loss_or_a_trace_are_told_as_such(run: Path) -> None:
    rows = [row(run, "a", total_loss=math.inf), row(run, "b", total_loss=None, loss_trace=None)]
    write_results(run, "x", [*rows, row(run, "c", loss_trace=trace(math.nan, 5.0, 1.0))])
    build_gallery([run])
    folder = run / "gallery" / "x"
    assert script_data(folder / "items.js")["losses"] == [None, None, 1234]
    traces = [one["trace"] for one in script_data(folder / "details-1.js")["details"].values()]
    assert traces == [[0, [10000, 1000, 100, 10]], None, [1, [5, 1]]]


def test_paintings_of_one_name_stay_two(run: Path) -> None:
    other = picture(run.parent / "sources" / "more" / "style.png", seed=5)
    write_results(run, "x", [row(run, "a"), row(run, "b", style_path=str(other))])
    build_gallery([run])
    items = script_data(run / "gallery" / "x" / "items.js")
    assert [style["name"] for style in items["tables"]["style"]] == ["style", "style (2)"]
    assert items["style"] == [0, 1]


def test_what_the_grid_needs_of_a_result_is_small(run: Path) -> None:
    told = row(run, "a", label="cat")
    rows = [told | {"pair_id": f"{i:016x}", "total_loss": 1 + i / 7} for i in range(500)]
    write_results(run, "x", rows)
    build_gallery([run])
    assert (run / "gallery" / "x" / "items.js").stat().st_size < 500 * 100


def test_reasons_are_told_by_how_many_they_took() -> None:
    told = MissingPictures.of(Counter({("failed", "b"): 2, ("failed", "a"): 2, ("quarantined", "c"): 5}))
    assert told.by_status == (("failed", 4), ("quarantined", 5))
    assert [reason for _, reason, _ in told.reasons] == ["c", "a", "b"]


def test_thumbnails_kept_are_not_removed_and_those_that_are_gone_are_noticed(tmp_path: Path) -> None:
    pictures = [picture(tmp_path / f"{number}.png", seed=number) for number in range(2)]
    first, second = (thumbnail for _, thumbnail in ThumbnailFolder(tmp_path / "thumbs").make(pictures))
    assert first is not None
    assert second is not None
    folder = ThumbnailFolder(tmp_path / "thumbs")
    assert folder.keep([first.key])
    assert not folder.keep(["0" * 20])
    folder.remove_unused()
    assert [path.name for path in (tmp_path / "thumbs").iterdir()] == [first.sizes[0][0]]
