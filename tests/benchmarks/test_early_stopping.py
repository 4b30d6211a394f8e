"""The rule that stops an image, on curves made up for the purpose."""

from __future__ import annotations

from early_stopping import ratios, stop, table

STEEP = [2.0 ** -(evaluation / 10) for evaluation in range(101)]
FLAT = [max(0.5, loss) for loss in STEEP]


def test_an_image_stops_where_ten_evaluations_gained_less_than_the_share() -> None:
    assert stop(FLAT, 0.01) == 20
    assert stop(STEEP, 0.01) == 100
    assert stop(STEEP, 0.6) == 10


def test_the_ratio_is_of_the_least_loss() -> None:
    assert ratios([FLAT, STEEP], [20, 90]) == [1.0, 2.0]


def test_the_table_compares_with_the_same_mean_for_all() -> None:
    row = table([FLAT, STEEP]).splitlines()[2]
    assert row == "| 4.0% in 10 | 20 to 100 | 60 | 1.000 | 1.000 | 4.000 | 16.000 |"
