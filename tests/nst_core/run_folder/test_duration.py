"""Durations in words."""

from __future__ import annotations

import pytest

from nst_core.run_folder.duration import duration


@pytest.mark.parametrize(
    ("seconds", "said"), [(0, "0 s"), (89, "89 s"), (90, "2 min"), (5399, "90 min"), (5400, "1.5 h")]
)
def test_a_duration_is_told_in_the_unit_that_fits(seconds: float, said: str) -> None:
    assert duration(seconds) == said
