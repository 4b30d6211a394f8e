"""The recipes nnst, strotss, laplacian and portrait on a tiny extractor: their parts, and batches against pairs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from test_optimisation import RECIPE, TinyFeatures, check_each_alone, picture
from torch import Tensor

from nst_core.engine.batch import Pairs
from nst_core.engine.chroma import with_matched_chroma
from nst_core.engine.colour import stacked_statistics
from nst_core.engine.gain_maps import gained
from nst_core.engine.laplacian import laplacian_pyramid
from nst_core.engine.neighbours import (
    hypercolumns,
    quarter,
    replaced_by_nearest,
    split_cosine_distance,
    split_targets,
)
from nst_core.engine.objective import Objective
from nst_core.engine.optimisation import stylize_batch
from nst_core.engine.optimiser_settings import OptimiserSettings
from nst_core.engine.recipe import Recipe
from nst_core.engine.starts import coarse_part
from nst_core.engine.structure import laplacian_loss
from nst_core.engine.style_losses import transport_loss
from nst_core.engine.style_losses.neighbour_losses import NeighbourLoss, SplitNeighbourLoss, blended_queries
from nst_core.engine.style_losses.transport_loss import TransportLoss
from nst_core.engine.style_targets import StyleTarget, blend_targets, style_target
from nst_core.engine.terms import ContentTerm, StyleTerm
from nst_core.engine.tiling import objective as tiled_objective

LAYERS = (("first", 1.0), ("second", 1.0))
NNST = Recipe(
    "nnst",
    ContentTerm(()),
    StyleTerm(LAYERS, "neighbours", "split_neighbours"),
    alpha=0.0,
    optimiser=OptimiserSettings("adam", 0.02, precondition="laplacian", laplacian_levels=8),
    start="coarse_content",
    finish="matched_chroma",
    scales=(8, 16, 32, 64, 64),
    evaluations=6,
    size=64,
    precision="float32",
)
STROTSS = replace(
    NNST,
    content=ContentTerm(LAYERS, "self_similarity", doubles=True),
    style=StyleTerm(LAYERS, "transport"),
    alpha=2.0,
    optimiser=OptimiserSettings("rmsprop", 0.002, precondition="laplacian"),
    start="colour_matched",
    finish="as_is",
    scales=(16, 32, 64),
)
LAPLACIAN = replace(RECIPE, content=ContentTerm(LAYERS, "mean", laplacian=0.01), evaluations=8)
PORTRAIT = replace(RECIPE, content=ContentTerm(LAYERS, "half_mean", gains=True, gain_window=3), evaluations=8)
every_recipe = pytest.mark.parametrize(
    "recipe", [NNST, STROTSS, LAPLACIAN, PORTRAIT], ids=["nnst", "strotss", "laplacian", "portrait"]
)


@pytest.fixture(autouse=True)
def few_places(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that tests are quick."""
    monkeypatch.setattr(transport_loss, "PLACES", 100)
    monkeypatch.setattr(transport_loss, "STYLE_PLACES", 400)


def batch_of(recipe: Recipe, count: int = 4, dtype: torch.dtype = torch.float32) -> Pairs:
    extractor = TinyFeatures().to(dtype)
    contents = torch.stack([picture(seed, 64, 48, dtype) for seed in range(count)])
    targets = [style_target(picture(10 + k, 50, 64, dtype), recipe, extractor, contents[k]) for k in range(count)]
    return Pairs(contents, targets, [7, 8, 9, 10][:count])


@every_recipe
def test_four_pairs_end_where_each_ends_alone(recipe: Recipe) -> None:
    """In float64, since a nearest neighbour that rounding changes sends the optimisation elsewhere."""
    batch, extractor = batch_of(recipe, dtype=torch.float64), TinyFeatures().double()
    check_each_alone(batch, recipe, extractor)


@every_recipe
def test_a_total_is_the_weighted_sum_of_its_terms_and_falls(recipe: Recipe) -> None:
    result = stylize_batch(batch_of(recipe, 2), replace(recipe, evaluations=25), TinyFeatures())
    assert result.failed == [False, False]
    for trace in result.traces:
        point = trace[-1]
        expected = recipe.alpha * point.content + recipe.beta * point.style + recipe.tv_weight * point.tv
        assert point.total == pytest.approx(expected, rel=1e-4)
        assert point.total < trace[0].total


def objectives_of(recipe: Recipe, monkeypatch: pytest.MonkeyPatch, batch: Pairs) -> list[tuple[Objective, Tensor]]:
    """The objective of each scale of a run, with the images that it was begun with."""
    begun: list[tuple[Objective, Tensor]] = []

    class Noted(Objective):
        def begin(self, start: Tensor) -> None:
            super().begin(start)
            begun.append((self, start.clone()))

    monkeypatch.setattr(tiled_objective, "Objective", Noted)
    stylize_batch(batch, recipe, TinyFeatures())
    return begun


def image_of(target: StyleTarget) -> Tensor:
    """The picture that the losses of a target of nnst keep."""
    ((_, kept),) = next(iter(target.losses.values()))
    return kept["image"]


def columns_of(images: Tensor) -> Tensor:
    maps = TinyFeatures()(images, ("first", "second"))
    return hypercolumns(list(maps.values()), quarter(*images.shape[2:]))


@pytest.mark.parametrize("scale", range(4))
def test_at_each_scale_of_nnst_neighbours_are_those_of_the_blended_query(
    scale: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = batch_of(NNST, 2)
    objective, start = objectives_of(NNST, monkeypatch, batch)[scale]
    (loss,) = objective.style_losses
    assert type(loss) is NeighbourLoss
    assert objective.contents.shape[2:] == [(8, 6), (16, 12), (32, 24), (64, 48)][scale]
    share = 1.0 if scale == 0 else 0.75
    queries = columns_of(blended_queries(objective.contents, start, share))
    for k, target in enumerate(batch.at(NNST.schedule()[scale].key).targets):
        candidates = columns_of(image_of(target)[None])[0].flatten(1).T
        assert torch.allclose(loss.targets[k], replaced_by_nearest(queries[k], candidates))


def test_the_query_is_content_and_result_with_the_contents_finest_details() -> None:
    contents, start = picture(1, 16, 24)[None], picture(2, 16, 24)[None]
    assert blended_queries(contents, start, 1.0) is contents
    query = blended_queries(contents, start, 0.0)
    (details, _), (fine, coarse) = laplacian_pyramid(contents, 2), laplacian_pyramid(query, 2)
    assert (query - (details + start - laplacian_pyramid(start, 2)[0])).abs().max() < 1e-6
    assert torch.allclose(blended_queries(contents, start, 0.75), 0.75 * contents + 0.25 * query, atol=1e-6)
    assert fine.shape[2:] == (16, 24)
    assert coarse.shape[2:] == (8, 12)


def test_nnst_starts_from_the_coarse_content(monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = replace(NNST, scales=(32, 64))
    batch = batch_of(recipe, 2)
    objective, start = objectives_of(recipe, monkeypatch, batch)[0]
    assert torch.equal(start, coarse_part(objective.contents))
    parts, whole = laplacian_pyramid(start, 8), laplacian_pyramid(objective.contents, 8)
    assert start.var() < objective.contents.var() / 1.2
    assert torch.allclose(start.mean(), objective.contents.mean(), atol=0.02)
    assert parts[0].abs().mean() < whole[0].abs().mean() / 10


def test_the_splitting_phase_of_nnst_draws_and_matches_at_each_evaluation(monkeypatch: pytest.MonkeyPatch) -> None:
    batch = batch_of(NNST, 2)
    objective, start = objectives_of(NNST, monkeypatch, batch)[-1]
    (loss,) = objective.style_losses
    assert type(loss) is SplitNeighbourLoss
    assert objective.changes
    grids = []
    for evaluation in range(8):
        objective.draw(evaluation)
        grids.append(list(loss.grids))
    objective.draw(3)
    assert loss.grids == grids[3], "seeded by pair and evaluation"
    target = batch.targets[0]
    style = image_of(target)[None]
    own = Objective(NNST, TinyFeatures(), style, [target], stage_number=4)
    own.begin(start[:1])
    assert float(own.terms(style).style) < 1e-6, "the style is its own neighbour"
    assert float(own.terms(picture(3, 50, 64)[None]).style) > 1e-4


def test_with_a_split_share_of_one_neighbours_are_the_contents_own() -> None:
    recipe = replace(NNST, scales=None, style=replace(NNST.style, split_share=1.0))
    batch, extractor = batch_of(recipe, 1), TinyFeatures()
    objective = Objective(recipe, extractor, batch.contents, batch.targets)
    objective.begin(batch.contents)
    whole, candidates = columns_of(batch.contents)[0], columns_of(image_of(batch.targets[0])[None])[0]
    targets = split_targets(whole, candidates.flatten(1).T, [6, 8])
    for images in (batch.contents, 1 - batch.contents):
        expected = split_cosine_distance(columns_of(images), targets[None], [6, 8])
        assert torch.allclose(objective.terms(images).style, expected, atol=1e-6)


def test_grids_of_large_pictures_move(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "nst_core.engine.style_losses.neighbour_losses.random_grid", lambda h, w, g: small_grid(h, w, g)
    )
    batch = batch_of(NNST, 2)
    objective, _ = objectives_of(NNST, monkeypatch, batch)[-1]
    loss: Any = objective.style_losses[0]
    seen = set()
    for evaluation in range(12):
        objective.draw(evaluation)
        seen |= {(grid[0].start, grid[1].start) for grid in loss.grids}
    assert len(seen) > 4


def small_grid(height: int, width: int, generator: torch.Generator) -> tuple[slice, slice]:
    from nst_core.engine.neighbours import random_grid

    return random_grid(height, width, generator, most=5)


def test_the_colour_step_of_nnst_comes_last_and_moves_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    batch = batch_of(NNST, 2)
    plain = stylize_batch(batch, replace(NNST, finish="as_is"), TinyFeatures())
    finished = stylize_batch(batch, NNST, TinyFeatures())
    expected = with_matched_chroma(plain.images, stacked_statistics([target.colours for target in batch.targets]))
    assert torch.equal(finished.images, expected)
    assert not torch.equal(finished.images, plain.images)
    assert finished.traces == plain.traces


def test_rotations_add_the_turned_styles_candidates() -> None:
    style = picture(5, 40, 64)
    turned = replace(NNST, style=replace(NNST.style, rotations=True), scales=None)
    contents = style.rot90(1, (1, 2))[None]
    distances = []
    for recipe in (replace(NNST, style=replace(NNST.style, last_loss="same"), scales=None), turned):
        recipe = replace(recipe, style=replace(recipe.style, last_loss="same"))
        objective = Objective(recipe, TinyFeatures(), contents, [style_target(style, recipe, TinyFeatures())])
        objective.begin(contents)
        distances.append(float(objective.terms(contents).style))
    assert distances[1] < 1e-6 < distances[0]


def test_a_blend_takes_neighbours_from_each_style() -> None:
    recipe = replace(NNST, scales=None, style=replace(NNST.style, last_loss="same"))
    extractor, styles = TinyFeatures(), [picture(5, 40, 64), picture(6, 40, 64)]
    blend = blend_targets([style_target(style, recipe, extractor) for style in styles], [1, 1])
    parts = blend.losses[0, "neighbours"]
    assert [share for share, _ in parts] == [0.5, 0.5]
    objective = Objective(recipe, extractor, torch.stack(styles), [blend, blend])
    loss: Any = objective.style_losses[0]
    assert len(loss._candidates(parts)) == 160
    alone = Objective(recipe, extractor, styles[1][None], [style_target(styles[0], recipe, extractor)])
    for each in (objective, alone):
        each.begin(each.contents)
    assert objective.terms(torch.stack(styles)).style[1] < alone.terms(styles[1][None]).style[0] / 2


def test_strotss_weighs_content_twice_as_much_at_each_coarser_scale(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [STROTSS.content_factor(k) for k in range(3)] == [4, 2, 1]
    assert [replace(STROTSS, scales=(16, 64, 64)).content_factor(k) for k in range(3)] == [2, 1, 1]
    objectives = [each for each, _ in objectives_of(STROTSS, monkeypatch, batch_of(STROTSS, 2))]
    assert [each.content_factor for each in objectives] == [4, 2, 1]
    assert all([type(loss) for loss in each.style_losses] == [TransportLoss] for each in objectives)


def test_strotss_is_small_at_the_style_and_its_content_zero_at_the_content(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport_loss, "PLACES", 1024)
    monkeypatch.setattr(transport_loss, "STYLE_PLACES", 5000)
    recipe, extractor = replace(STROTSS, scales=None), TinyFeatures()
    content, style = picture(1, 64, 48)[None], picture(2, 64, 48)[None]
    objective = Objective(recipe, extractor, content, [style_target(style[0], recipe, extractor)], seeds=[3])
    objective.begin(content)
    at_content, at_style = objective.terms(content), objective.terms(style)
    assert float(at_content.content) < 1e-4 < float(at_style.content)
    assert float(at_style.style) < float(at_content.style) / 3
    objective.draw(0)
    first = float(objective.terms(style).style)
    objective.draw(1)
    assert float(objective.terms(style).style) != first, "new places"
    objective.draw(0)
    assert float(objective.terms(style).style) == first


def test_the_laplacian_joins_the_content_term() -> None:
    batch, extractor = batch_of(LAPLACIAN, 2), TinyFeatures()
    plain = replace(LAPLACIAN, content=replace(LAPLACIAN.content, laplacian=0.0))
    images = batch.contents.flip(0)
    terms = [Objective(recipe, extractor, batch.contents, batch.targets).terms(images) for recipe in (LAPLACIAN, plain)]
    expected = 0.01 * laplacian_loss(images, batch.contents, 2)
    assert torch.allclose(terms[0].content - terms[1].content, expected, rtol=1e-3)


def test_portraits_compare_with_gained_features() -> None:
    batch, extractor = batch_of(PORTRAIT, 2), TinyFeatures()
    objective = Objective(PORTRAIT, extractor, batch.contents, batch.targets)
    content = extractor(batch.contents, ("second",))["second"]
    stretched = torch.nn.functional.interpolate(
        torch.stack([x.image for x in batch.targets if x.image is not None]), (64, 48), mode="bicubic", antialias=True
    ).clamp(0, 1)
    style = extractor(stretched, ("second",))["second"]
    found = objective.content_maps["second"]
    assert torch.allclose(found, gained(content, style, 3), atol=0.02)
    assert not torch.allclose(found, content, atol=0.02)
    same = Objective(PORTRAIT, extractor, stretched, batch.targets)
    assert torch.allclose(same.content_maps["second"], style, atol=0.02), "the style's own features stay"


@every_recipe
def test_the_graph_is_not_asked_for_where_losses_change(recipe: Recipe) -> None:
    batch = batch_of(recipe, 1)
    objective = Objective(recipe, TinyFeatures(), batch.contents, batch.targets)
    assert objective.changes == (recipe is STROTSS)
