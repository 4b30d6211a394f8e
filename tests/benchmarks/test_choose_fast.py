"""The choice of `fast`, on traces made up for the purpose."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pytest
import torch
from fast_choice import (
    CANDIDATES,
    PLAIN,
    Candidate,
    Measured,
    changes,
    cheapest,
    evaluations_within,
    recommended,
    table,
)
from fast_curves import compared
from sheet import CELL, contact_sheet
from stylized_pictures import Picture

from nst_core.engine.features import build_extractor
from nst_core.recipes import load_recipe


def measured(ratios: Mapping[int, float], candidate: Candidate = PLAIN) -> Measured:
    return Measured(candidate, ratios, ratios)


def reaching(evaluations: int, candidate: Candidate) -> Measured:
    return measured({0: 9.0, evaluations: 1.04, 1000: 1.0}, candidate)


def test_the_first_point_within_five_percent_counts() -> None:
    assert evaluations_within({0: 3.0, 50: 1.2, 100: 1.05, 150: 1.01}) == 100


def test_a_curve_must_stay_within() -> None:
    assert evaluations_within({0: 3.0, 50: 1.04, 55: 1.3, 60: 1.05, 65: 0.99}) == 60


@pytest.mark.parametrize("last", [1.06, math.inf, math.nan])
def test_a_curve_that_ends_above_never_gets_there(last: float) -> None:
    assert evaluations_within({0: 3.0, 50: 1.0, 100: last}) is None


def test_the_least_compute_wins() -> None:
    first, second = CANDIDATES[:2]
    assert cheapest([reaching(200, first), reaching(120, second)]) == reaching(120, second)


def test_of_equals_the_simpler_wins() -> None:
    first, second, third = CANDIDATES[:3]
    field = [reaching(200, first), reaching(125, second), reaching(120, third)]
    assert cheapest(field) == field[1]


def test_nobody_wins_where_nobody_gets_there() -> None:
    assert cheapest([measured({0: 3.0, 50: 1.2})]) is None


def test_pairs_count_alike_and_the_worst_is_named() -> None:
    result = compared(PLAIN, {0: [4.0, 40.0], 50: [2.0, 5.0]}, [2.0, 10.0])
    assert result.ratios == pytest.approx({0: math.sqrt(8), 50: math.sqrt(0.5)})
    assert result.worst == {0: 4.0, 50: 1.0}


def test_what_is_recommended_rounds_up_and_leaves_the_objective_alone() -> None:
    before = load_recipe("squeezenet", {"evaluations": 100})
    after = recommended(before, reaching(121, Candidate("content", "spectral", 0.25, history=20)))
    assert changes(before, after) == [
        "optimiser.history: 10 -> 20",
        "optimiser.spectral_power: 0.5 -> 0.25",
        "start: colour_matched -> content",
        "evaluations: 100 -> 130",
    ]
    assert (after.content, after.style, after.beta) == (before.content, before.style, before.beta)


def test_a_power_that_nobody_looks_at_is_no_change() -> None:
    before = load_recipe("squeezenet", {"optimiser": {"spectral_power": 0.25}})
    after = Candidate("colour_matched").applied(before, before.evaluations)
    assert changes(before, after) == ["optimiser.precondition: spectral -> none"]


@pytest.mark.parametrize("features", ["vgg19", "squeezenet1_0"])
def test_fast_is_one_of_the_candidates(features: str) -> None:
    recipe = load_recipe("fast", {"features": features})
    assert recipe in [candidate.applied(recipe, recipe.evaluations) for candidate in CANDIDATES]


def test_the_variant_looks_at_layers_of_its_own_network() -> None:
    recipe = load_recipe("fast", {"features": "squeezenet1_0", "weights": "random"})
    assert set(recipe.layer_names()) <= set(build_extractor(recipe).layers)


def test_the_table_says_what_was_not_reached() -> None:
    rows = table([reaching(120, PLAIN), measured({0: 3.0, 25: 1.2})], (25,), gflop=2.0).splitlines()
    assert rows[2].endswith("|  | 120 | 1.040 | 240 |")
    assert rows[3].endswith("| 1.200 | more than 25 |  |  |")


def test_the_sheet_has_a_row_per_pair() -> None:
    pictures = [Picture(torch.rand(3, 20, 30), torch.rand(3, 20, 30), torch.rand(3, 30, 24)) for _ in range(2)]
    sheet = contact_sheet({"plain": pictures, "fast": pictures})
    assert sheet.width > 4 * CELL[0]
    assert sheet.height > 2 * CELL[1]
