"""Sessions, breaks and throughput, from when images were made and chunks were tried."""

from __future__ import annotations

import numpy as np
import pytest

from nst_core.views.report.throughput import GAP, throughput_of


def test_images_per_minute_of_steady_work() -> None:
    made = np.arange(1, 61) * 2.0
    pace = throughput_of(made, [(0.0, 120.0)])
    (session,) = pace.sessions
    assert (session.start, session.seconds, session.images, session.gap) == (0.0, 120.0, 60, 0.0)
    assert pace.per_minute == pytest.approx(30)
    assert [one.per_minute for one in pace.bins] == pytest.approx([30] * len(pace.bins), rel=0.2)
    assert sum(one.per_minute * one.seconds / 60 for one in pace.bins) == pytest.approx(60)


def test_a_long_silence_parts_two_sessions_and_counts_for_neither() -> None:
    pace = throughput_of(np.array([10.0, 20.0, 1000.0, 1010.0]), [(0.0, 20.0), (990.0, 1010.0)])
    assert [(s.start, s.seconds, s.gap, s.images) for s in pace.sessions] == [(0, 20, 0, 2), (990, 20, 970, 2)]
    assert pace.seconds == 40
    assert {one.session for one in pace.bins} == {0, 1}
    assert max(one.start + one.seconds for one in pace.bins) == pytest.approx(40)


def test_a_stop_parts_them_at_once_and_a_pause_for_a_retry_does_not() -> None:
    tries = [(0.0, 20.0), (50.0, 70.0)]
    assert len(throughput_of(np.array([]), tries).sessions) == 1
    assert len(throughput_of(np.array([]), tries, stops=[20.0]).sessions) == 2
    assert len(throughput_of(np.array([]), tries, stops=[60.0]).sessions) == 1


def test_chunks_that_overlap_are_one_session() -> None:
    far = GAP * 3
    pace = throughput_of(np.array([far]), [(0.0, 2 * far), (1.0, 2.0), (far, far + 1.0)])
    assert [(s.start, s.seconds, s.images) for s in pace.sessions] == [(0.0, 2 * far, 1)]


def test_without_journals_images_alone_tell() -> None:
    pace = throughput_of(np.array([100.0, 110.0, 120.0, 5000.0, 5010.0]))
    assert [(s.start, s.seconds, s.images) for s in pace.sessions] == [(100, 20, 3), (5000, 10, 2)]


def test_nothing_at_all_is_no_pace() -> None:
    pace = throughput_of(np.array([]))
    assert (pace.sessions, pace.bins, pace.per_minute) == ((), (), None)
