"""Style losses on sets, histograms and patches in recipes on a tiny extractor: batches, scales, several terms."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from test_optimisation import TinyFeatures, check_each_alone, picture
from torch import Tensor

from nst_core.engine.batch import Pairs
from nst_core.engine.objective import Objective
from nst_core.engine.optimisation import stylize_batch
from nst_core.engine.optimiser_settings import OptimiserSettings
from nst_core.engine.recipe import Recipe
from nst_core.engine.style_targets import blend_targets, style_target
from nst_core.engine.terms import ContentTerm, StyleTerm

LAYERS = (("first", 1.0), ("second", 0.5))
BASE = Recipe(
    "base",
    ContentTerm(LAYERS, "mean"),
    StyleTerm(LAYERS, "sliced", positions=150),
    beta=10.0,
    optimiser=OptimiserSettings("adam", 0.02),
    scales=(24, 48),
    evaluations=8,
    size=48,
    precision="float32",
)
TERMS = {
    "sliced": BASE.style,
    "mmd": StyleTerm(LAYERS, "mmd", positions=100),
    "histogram": StyleTerm(LAYERS, "frobenius", beside=(StyleTerm(LAYERS, "histogram", weight=0.2),)),
    "mrf": StyleTerm(LAYERS, "mrf", refresh=3, stride=2),
    "moments, then mrf": StyleTerm(LAYERS, "moments", "mrf"),
}
every_term = pytest.mark.parametrize("term", TERMS.values(), ids=TERMS)


def batch_of(recipe: Recipe, dtype: torch.dtype) -> Pairs:
    extractor = TinyFeatures().to(dtype)
    contents = torch.stack([picture(seed, 48, 40, dtype) for seed in range(4)])
    targets = [style_target(picture(10 + k, 36 + 4 * k, 44, dtype), recipe, extractor) for k in range(3)]
    return Pairs(contents, [targets[0], targets[1], targets[0], blend_targets(targets[1:], [1, 2])], [7, 8, 9, 10])


@every_term
def test_four_pairs_end_where_each_ends_alone(term: StyleTerm) -> None:
    """In float64, since a nearest neighbour that rounding changes sends the optimisation elsewhere."""
    recipe = replace(BASE, style=term)
    batch, extractor = batch_of(recipe, torch.float64), TinyFeatures().double()
    check_each_alone(batch, recipe, extractor)


@every_term
def test_totals_fall(term: StyleTerm) -> None:
    recipe = replace(BASE, style=term, scales=None, evaluations=25)
    for trace in stylize_batch(batch_of(recipe, torch.float32), recipe, TinyFeatures()).traces:
        assert trace[-1].total < 0.9 * trace[0].total


def test_terms_beside_one_another_add_up_by_their_weights() -> None:
    first, second = StyleTerm(LAYERS, "frobenius", weight=2.0), StyleTerm((("second", 3.0),), "histogram", weight=0.5)
    batch = batch_of(BASE, torch.float32)
    extractor, images = TinyFeatures(), batch.contents.flip(0)

    def style(term: StyleTerm) -> Tensor:
        recipe = replace(BASE, style=term, scales=None)
        target = style_target(picture(20, 40, 44), recipe, extractor)
        return Objective(recipe, extractor, batch.contents, [target] * 4).terms(images).style

    each = [style(replace(term, weight=1.0)) for term in (first, second)]
    torch.testing.assert_close(style(replace(first, beside=(second,))), 2 * each[0] + 0.5 * each[1])


def test_the_layers_of_all_terms_are_the_recipe_s() -> None:
    recipe = replace(BASE, style=StyleTerm((("a", 1.0),), beside=(StyleTerm((("b", 1.0), ("a", 2.0))),)))
    assert recipe.style_names() == ("a", "b")
    assert recipe.layer_names() == ("first", "second", "a", "b")
