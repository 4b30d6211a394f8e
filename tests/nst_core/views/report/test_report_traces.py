"""The mean course of the loss and its band."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from nst_core.run_folder.loss_trace import TraceArrays, loss_left
from nst_core.run_folder.results import LOSS_TRACE
from nst_core.views.report.traces import Traces


def take(
    traces: Traces, totals: list[list[float] | None], iterations: list[int], status: str = "success"
) -> np.ndarray:
    rows = [
        None if one is None else [dict.fromkeys(("content", "style", "tv"), 0.0) | {"iteration": i, "total": t}
                                  for i, t in zip(iterations, one, strict=False)]
        for one in totals
    ]  # fmt: skip
    column = pa.chunked_array([pa.array(rows, LOSS_TRACE)])
    traces.take(column, pa.chunked_array([[status] * len(totals)]))
    return loss_left(TraceArrays.of(column))


def test_the_mean_is_geometric_and_starts_at_the_whole() -> None:
    traces = Traces()
    left = take(traces, [[4.0, 2.0, 0.04], [1.0, 0.1, 0.0001]], [0, 10, 20])
    (band,) = traces.bands()
    assert left == pytest.approx([0.01, 0.0001])
    assert band.iterations == (0, 10, 20)
    assert band.mean == pytest.approx((1.0, (0.5 * 0.1) ** 0.5, 0.001))
    assert band.pairs == 2


def test_the_band_is_that_of_the_quantiles() -> None:
    traces, values = Traces(), np.geomspace(1e-4, 1e-1, 2001)
    for part in np.array_split(values, 7):
        take(traces, [[1.0, float(value)] for value in part], [0, 1])
    (band,) = traces.bands()
    assert (band.low[0], band.high[0]) == (1.0, 1.0)
    assert (band.low[1], band.high[1]) == pytest.approx(tuple(np.quantile(values, (0.1, 0.9))), rel=0.025)


def test_traces_of_other_steps_are_another_band_the_commonest_first() -> None:
    traces = Traces()
    take(traces, [[1.0, 0.5]], [0, 10])
    take(traces, [[1.0, 0.2, 0.1]] * 3, [0, 5, 10])
    take(traces, [[1.0, 0.5]], [0, 20])
    assert [(band.iterations, band.pairs) for band in traces.bands()] == [((0, 5, 10), 3), ((0, 10), 1), ((0, 20), 1)]


@pytest.mark.parametrize("trace", [None, [], [1.0], [1.0, float("nan")], [0.0, 0.0], [1.0, -1.0], [float("inf"), 1.0]])
def test_a_trace_without_a_course_is_counted_as_unusable(trace: list[float] | None) -> None:
    traces = Traces()
    assert np.isnan(take(traces, [trace, [1.0, 0.5]], [0, 10])).tolist() == [True, False]
    assert traces.unusable == 1
    assert traces.bands()[0].pairs == 1


def test_rows_without_an_image_leave_no_trace() -> None:
    traces = Traces()
    take(traces, [[1.0, 0.5]], [0, 10], status="failed")
    assert (traces.bands(), traces.unusable) == ([], 0)
