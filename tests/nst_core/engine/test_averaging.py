"""The average of iterates, against its closed form."""

from __future__ import annotations

import pytest
import torch

from nst_core.engine.averaging import IterateAverage

PATH = torch.randn(7, 2, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize("decay", [0.5, 0.9, 0.99])
def test_it_is_the_weighted_mean_of_all_points(decay: float) -> None:
    average = IterateAverage(PATH[0], decay)
    torch.testing.assert_close(average.value(), PATH[0])
    for count, points in enumerate(PATH[1:], start=2):
        average.update(points)
        weights = decay ** torch.arange(count - 1, -1, -1, dtype=torch.float64)
        expected = torch.einsum("k,kbp->bp", weights / weights.sum(), PATH[:count])
        torch.testing.assert_close(average.value(), expected)


def test_a_row_can_begin_anew() -> None:
    average, fresh = IterateAverage(PATH[0], 0.9), IterateAverage(PATH[2], 0.9)
    average.update(PATH[1].index_fill(0, torch.tensor([1]), torch.nan))
    average.reset(torch.tensor([False, True]), PATH[2])
    for each in (average, fresh):
        each.update(PATH[3])
    torch.testing.assert_close(average.value()[1], fresh.value()[1])
    weights = torch.tensor([0.81, 0.9, 1.0], dtype=torch.float64) / 2.71
    torch.testing.assert_close(average.value()[0], weights @ PATH[[0, 1, 3], 0])
