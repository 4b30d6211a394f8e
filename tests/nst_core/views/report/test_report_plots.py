"""Plots: their scales, and that what they draw is there, well-formed, and named for who cannot see it."""

from __future__ import annotations

from xml.etree import ElementTree

import numpy as np
import pytest

from nst_core.views.report.axes import Scale, even_ticks, log_range, log_ticks, shorten
from nst_core.views.report.plots import NARROW, WIDE, Drawing, bars, boxes, courses, duration, ratios, throughput
from nst_core.views.report.quantiles import quantiles, quantiles_by_name
from nst_core.views.report.throughput import throughput_of
from nst_core.views.report.traces import TraceBand

HOSTILE = '</svg><script>alert("x")</script>\'&\u202e שלום 🎨 日本'


def elements(drawn: Drawing, kind: str) -> list[ElementTree.Element]:
    """The elements of a class in the wide drawing, once both were found to be well-formed and named."""
    roots = [ElementTree.fromstring(str(svg)) for svg in (drawn.wide, drawn.narrow)]
    for root, width in zip(roots, (WIDE, NARROW), strict=True):
        assert root.get("role") == "img"
        assert len(root.get("aria-label", "")) > 10
        assert root.get("viewBox", "").startswith(f"0 0 {width} ")
    return [one for one in roots[0].iter() if one.get("class") == kind]


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [(0, 10, [0, 2, 4, 6, 8, 10]), (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]), (3, 3, [3]), (0, 137, [0, 50, 100])],
)
def test_even_ticks_are_round(low: float, high: float, ticks: list[float]) -> None:
    assert even_ticks(low, high, 6) == pytest.approx(ticks)


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0.001, 10, [0.001, 0.01, 0.1, 1, 10]),
        (0.3, 4, [0.5, 1, 2]),
        (1e-8, 1e4, [1e-8, 1e-5, 1e-2, 1e1, 1e4]),
        (1.01, 1.09, [1.02, 1.04, 1.06, 1.08]),
    ],
)
def test_ticks_of_a_logarithm_are_powers_of_ten_or_finer(low: float, high: float, ticks: list[float]) -> None:
    assert log_ticks(low, high, 5) == pytest.approx(ticks)


def test_a_scale_maps_its_ends_and_middle_and_keeps_within_them() -> None:
    scale = Scale(0.01, 100, 10, 50, log=True)
    assert [scale(v) for v in (0.01, 1, 100, 1e9, 1e-9)] == pytest.approx([10, 30, 50, 50, 10])
    assert Scale(0, 8, 100, 0)(2) == pytest.approx(75)
    assert Scale(5, 5, 0, 100)(5) == pytest.approx(50)


def test_a_logarithmic_range_holds_its_values_even_where_there_is_one() -> None:
    low, high = log_range([3.0])
    assert low < 3 < high


def test_long_names_are_cut_by_what_they_take_up() -> None:
    assert shorten("Vincent van Gogh", 20) == "Vincent van Gogh"
    assert shorten("Vincent van Gogh", 8) == "Vincent…"
    assert len(shorten("日本の美術館", 8)) == 4


def test_boxes_have_one_box_and_median_per_group_and_dots_where_there_are_few() -> None:
    codes = np.repeat([0, 1], [5, 100])
    values = np.concatenate([[0.1, 0.2, 0.3, 0.4, 0.5], np.linspace(0.01, 0.02, 100)])
    drawn = boxes(quantiles_by_name(values, codes, ["few", HOSTILE]), "Loss left by artist", "Share")
    assert len(elements(drawn, "box")) == len(elements(drawn, "median")) == 2
    assert len(elements(drawn, "dot")) == 5
    median = next(float(one.get("x1", "")) for one in elements(drawn, "median"))
    assert median < float(elements(drawn, "median")[1].get("x1", ""))
    assert "<script>" not in drawn.wide


def test_a_group_whose_values_are_all_the_same_still_has_a_box() -> None:
    group = quantiles("one", np.full(50, 0.25))
    assert group is not None
    assert float(elements(boxes([group], "t", "l"), "box")[0].get("width", "0")) >= 0.5


def test_the_course_falls_from_left_to_right() -> None:
    band = TraceBand((0, 10, 20), (1.0, 0.1, 0.01), (1.0, 0.05, 0.005), (1.0, 0.2, 0.02), 7)
    drawn = courses([("", band), (HOSTILE, band)], "What is left")
    (mean,) = elements(drawn, "mean")
    points = [tuple(map(float, point.split())) for point in mean.get("d", "")[1:].split("L")]
    assert [x for x, _ in points] == sorted(x for x, _ in points)
    heights = [y for _, y in points]
    assert heights == sorted(heights)
    assert heights[1] - heights[0] == pytest.approx(heights[2] - heights[1], abs=0.2), "a straight line in the log"
    assert len(elements(drawn, "band")) == len(elements(drawn, "mean second")) - 1 == 1


def test_throughput_has_a_bar_per_bin_and_shows_the_breaks() -> None:
    made = np.concatenate([np.arange(0, 100, 2.0), np.arange(5000, 5100, 1.0)])
    pace = throughput_of(made)
    drawn = throughput(pace, "Throughput")
    assert len(elements(drawn, "bar")) == len(pace.bins)
    (gap,) = elements(drawn, "break")
    assert "".join(gap.itertext()).startswith("A break of")
    bars_at = [float(one.get("x", "")) for one in elements(drawn, "bar")]
    assert bars_at == sorted(bars_at)


def test_bars_are_as_long_as_their_values() -> None:
    drawn = bars({"compute": 30.0, HOSTILE: 15.0, "wait": 0.0}, "Where the time went")
    widths = [float(one.get("width", "")) for one in elements(drawn, "bar")]
    assert widths[0] == pytest.approx(2 * widths[1], abs=0.2)


def test_ratios_count_every_pair_and_mark_one() -> None:
    drawn = ratios(np.array([0.5, 0.5, 1.0, 2.0]), "Loss", "Less than 1: less here")
    assert len(elements(drawn, "bar")) == 3
    assert len(elements(drawn, "one")) == 1
    assert len(elements(ratios(np.ones(4), "Loss", "l"), "bar")) == 1


@pytest.mark.parametrize(
    ("seconds", "told"), [(0, "0 s"), (45, "45 s"), (90, "1.5 min"), (5400, "1.5 h"), (200000, "2.31 days")]
)
def test_times_are_told_in_a_unit_that_fits(seconds: float, told: str) -> None:
    assert duration(seconds).replace("\u00a0", " ") == told
