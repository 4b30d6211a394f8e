"""Equal final loss: where a trace gets down to the goals, and that both sides are final_losses alike."""

from __future__ import annotations

import math

import pytest
import torch

from nst_core.engine.batch import LossPoint
from nst_core.engine.bench.batch_runner import BenchPictures, Setup
from nst_core.engine.bench.equal_loss import (
    EqualLossComparison,
    compare,
    evaluations_to_reach,
    final_losses,
    loss_ratio,
)
from nst_core.engine.features import build_extractor
from nst_core.engine.recipe import Recipe
from nst_core.engine.terms import ContentTerm, StyleTerm
from nst_core.errors import UsageError

RECIPE = Recipe(
    "small",
    ContentTerm((("luminance1", 1.0),), "relative", "style"),
    StyleTerm((("first0", 1.0), ("first1", 1.0)), "relative"),
    features="wavelet",
    range_weight=1000.0,
    start="colour_matched",
    precision="float32",
)


def trace(*totals: float, stride: int = 1) -> list[LossPoint]:
    return [LossPoint(stride * index, 0.0, 0.0, 0.0, total) for index, total in enumerate(totals)]


def comparison(evaluations: int, recipe: Recipe = RECIPE) -> EqualLossComparison:
    generator = torch.Generator().manual_seed(0)
    coarse = [torch.rand(1, 3, 6, 6, generator=generator) for _ in range(4)]
    pictures = [torch.nn.functional.interpolate(c, size=(32, 32), mode="bicubic")[0].clamp(0, 1) for c in coarse]
    extractor = build_extractor(recipe)
    setup = Setup(batch=2, workers=2, threads=1)
    return EqualLossComparison(
        recipe, extractor, extractor, BenchPictures(pictures[:2], pictures[2:], ""), setup, evaluations, 3, 2, 1
    )


def test_the_first_point_at_the_goal_counts() -> None:
    assert evaluations_to_reach([trace(9, 5, 3, 2, 1)], [3.0]) == 2


def test_images_count_by_their_geometric_mean() -> None:
    """Twice the goal in one image is made good by half of it in another."""
    assert evaluations_to_reach([trace(8, 4, 2, 1), trace(8, 1, 0.5, 0.25)], [2.0, 2.0]) == 1
    assert evaluations_to_reach([trace(8, 4, 2, 1), trace(8, 1.1, 0.5, 0.25)], [2.0, 2.0]) == 2


def test_a_trace_with_gaps_gives_the_points_it_has() -> None:
    assert evaluations_to_reach([trace(9, 5, 3, 2, stride=4)], [3.0]) == 8


def test_the_start_is_no_result() -> None:
    assert evaluations_to_reach([trace(1, 0.9)], [2.0]) == 1


def test_a_goal_out_of_reach_is_none() -> None:
    assert evaluations_to_reach([trace(9, 5, 3)], [1.0]) is None
    assert evaluations_to_reach([trace(9, math.nan, math.nan)], [1.0]) is None


def test_losses_compare_by_ratio() -> None:
    assert loss_ratio([2.0, 8.0], [4.0, 4.0]) == pytest.approx(1.0)
    assert loss_ratio([math.nan], [1.0]) == math.inf


def test_ours_ends_at_or_below_the_references_loss() -> None:
    found = compare(comparison(8))
    assert 0 < found.loss_ratio <= 1
    assert (found.reference.evaluations, found.reference.images, found.ours.images) == (8, 3, 4)
    assert len(found.reference.seconds) == len(found.ours.seconds) == 2
    assert found.speedup == pytest.approx(found.ours.images_per_second / found.reference.images_per_second)


def test_the_judge_knows_the_contents_own_loss() -> None:
    """The colour-matched content has no content loss: only its style is final_losses."""
    wanted = comparison(1, Recipe("content", RECIPE.content, RECIPE.style, features="wavelet", beta=0.0))
    matched = [torch.full((3, 32, 32), 0.5)]
    assert final_losses(wanted, matched)[0] > 0.1


def test_a_loss_out_of_reach_is_said() -> None:
    """A start from noise without a learning rate goes nowhere."""
    still = Recipe("still", RECIPE.content, RECIPE.style, features="wavelet", start="noise", precision="float32",
                   optimiser=RECIPE.optimiser.__class__(learning_rate=1e-9))  # fmt: skip
    with pytest.raises(UsageError, match="does not reach"):
        compare(comparison(4, still))
