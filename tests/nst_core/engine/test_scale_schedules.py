"""Schedules of scales: what is scaled, what one scale hands on to the next, and what is told on the way."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from test_optimisation import ADAM, REAL, RECIPE, Spoilt, TinyFeatures, pairs, picture, row
from torch import Tensor

from nst_core.engine import optimisation, session
from nst_core.engine.batch import Pairs, StylizedBatch
from nst_core.engine.evaluation import Evaluate, Evaluation
from nst_core.engine.features import build_extractor
from nst_core.engine.objective import Objective
from nst_core.engine.optimisation import stylize_batch
from nst_core.engine.optimiser_settings import OptimiserSettings
from nst_core.engine.parametrisation import PixelParametrisation
from nst_core.engine.recipe import Recipe
from nst_core.engine.scaling import resized, scaled
from nst_core.engine.stages import Stage
from nst_core.engine.style_targets import blend_targets, luminance_only, style_target
from nst_core.engine.watch import Watch
from nst_core.errors import Interrupted

SCALES = replace(RECIPE, size=16, scales=(8, 16), evaluations=(12, 8))
PYRAMID = OptimiserSettings("rmsprop", 0.01, precondition="laplacian")
three_ways = pytest.mark.parametrize(
    "recipe",
    [
        RECIPE,
        ADAM,
        replace(RECIPE, optimiser=OptimiserSettings("rmsprop", 0.01, precondition="laplacian"), average=0.9),
    ],
    ids=["lbfgs", "adam", "rmsprop on a pyramid, averaged"],
)


def test_stages_are_the_scales_with_their_evaluations() -> None:
    assert RECIPE.schedule() == (Stage(1.0, 20, 0),)
    assert SCALES.schedule() == (Stage(0.5, 12, 0), Stage(1.0, 8, 12))
    assert replace(SCALES, evaluations=5).schedule() == (Stage(0.5, 5, 0), Stage(1.0, 5, 5))
    assert (SCALES.total_evaluations, replace(SCALES, evaluations=5).total_evaluations) == (20, 10)
    assert SCALES.full_size_evaluations() == 12 / 4 + 8
    assert replace(SCALES, scales=(8, 8, 16), evaluations=1).other_keys() == ((0.5, None),)


@pytest.mark.parametrize(("scales", "side"), [((8, 16), 5), ((128, 181, 256, 362, 512), 25), ((1, 3), 7), ((9,), 4)])
def test_the_least_side_is_the_shortest_of_which_no_scale_has_less(scales: tuple[int, ...], side: int) -> None:
    recipe = replace(RECIPE, scales=scales)
    least = recipe.least_side(side)
    shortest = {
        length: min(round(length * stage.factor) for stage in recipe.schedule()) for length in (least - 1, least)
    }
    assert shortest[least] >= side > shortest[least - 1]


@three_ways
def test_a_schedule_of_one_scale_is_no_schedule(recipe: Recipe) -> None:
    extractor = TinyFeatures()
    one = replace(recipe, scales=(recipe.size,), evaluations=(20,))
    plain, scheduled = (stylize_batch(pairs(extractor, each), each, extractor) for each in (recipe, one))
    assert torch.equal(plain.images, scheduled.images)
    assert plain.traces == scheduled.traces


@three_ways
def test_a_batch_of_four_equals_four_solo_runs(recipe: Recipe) -> None:
    extractor = TinyFeatures()
    recipe = replace(recipe, size=16, scales=(8, 11, 16), evaluations=(4, 3, 4))
    batch = pairs(extractor, recipe, 4)
    together = stylize_batch(batch, recipe, extractor)
    for index in range(4):
        alone = stylize_batch(row(batch, index), recipe, extractor)
        torch.testing.assert_close(together.images[index], alone.images[0], atol=2e-3, rtol=0)
        for point, expected in zip(together.traces[index], alone.traces[0], strict=True):
            assert point.total == pytest.approx(expected.total, rel=1e-2)


def test_a_batch_of_four_equals_four_solo_runs_on_a_real_network() -> None:
    recipe = replace(REAL, size=48, scales=(34, 48), evaluations=(3, 3))
    extractor = build_extractor(recipe)
    contents = torch.stack([picture(seed, 40, 48) for seed in range(4)])
    batch = Pairs(
        contents, [style_target(picture(10 + seed, 48, 40), recipe, extractor) for seed in range(4)], range(4)
    )
    together = stylize_batch(batch, recipe, extractor)
    for index in range(4):
        alone = stylize_batch(row(batch, index), recipe, extractor)
        assert together.traces[index][-1].total == pytest.approx(alone.traces[0][-1].total, rel=1e-2)


def test_each_scale_starts_from_the_result_of_the_one_before() -> None:
    """The schedule by hand: two runs of one scale, the second from the first's image, enlarged."""
    extractor = TinyFeatures()
    batch = pairs(extractor, SCALES)
    coarse_recipe, fine_recipe = (replace(RECIPE, evaluations=count) for count in (12, 8))
    styles = [picture(10 + seed, 14, 10) for seed in range(3)]
    coarse_targets = [style_target(scaled(style, 0.5), RECIPE, extractor) for style in styles]
    coarse = stylize_batch(Pairs(scaled(batch.contents, 0.5), coarse_targets, range(3)), coarse_recipe, extractor)
    made = stylize_batch(batch, SCALES, extractor)
    seen: list[Tensor] = []
    watch = Watch(preview_every=12, preview=lambda _, __, image: seen.append(image))
    stylize_batch(batch, SCALES, extractor, watch)
    torch.testing.assert_close(torch.stack(seen[3:6]), resized(coarse.images, (12, 16)), rtol=0, atol=1e-6)
    for trace, coarse_trace in zip(made.traces, coarse.traces, strict=True):
        assert trace[:12] == coarse_trace[:12]
    plain = stylize_batch(batch, fine_recipe, extractor)
    for trace, without in zip(made.traces, plain.traces, strict=True):
        assert trace[12].style < without[0].style, "the fine scale starts nearer to the style than the content is"


def test_traces_reports_and_previews_go_over_all_scales() -> None:
    extractor = TinyFeatures()
    done: list[int] = []
    looks: list[tuple[int, int, tuple[int, ...]]] = []
    watch = Watch(
        5, lambda count, _: done.append(count), preview_every=10,
        preview=lambda count, index, image: looks.append((count, index, tuple(image.shape))),
    )  # fmt: skip
    made = stylize_batch(pairs(extractor, SCALES, 2), SCALES, extractor, watch)
    assert done == [0, 5, 10, 15, 20]
    assert looks == [(count, index, (3, 12, 16)) for count in (0, 10) for index in (0, 1)]
    assert [point.iteration for point in made.traces[0]] == list(range(21))
    assert (made.iterations, made.evaluations, made.images.shape) == (20, 20, (2, 3, 12, 16))


def test_the_trace_ends_at_the_losses_of_what_is_delivered() -> None:
    extractor = TinyFeatures()
    recipe = replace(SCALES, average=0.8)
    batch = pairs(extractor, recipe)
    made = stylize_batch(batch, recipe, extractor)
    total = Objective(recipe, extractor, batch.contents, batch.targets).terms(made.images).total
    for index, trace in enumerate(made.traces):
        assert trace[-1].total == pytest.approx(total[index].item(), rel=1e-5)


def test_an_average_is_delivered_and_is_that_of_the_iterates() -> None:
    extractor = TinyFeatures()
    recipe = replace(ADAM, evaluations=3, average=0.5)
    batch = pairs(extractor, recipe, 1)
    path = [batch.contents] + [
        stylize_batch(batch, replace(ADAM, evaluations=count), extractor).images for count in (1, 2, 3)
    ]
    weights = torch.tensor([0.125, 0.25, 0.5, 1.0])
    expected = sum(weight * image for weight, image in zip(weights / weights.sum(), path, strict=True))
    torch.testing.assert_close(stylize_batch(batch, recipe, extractor).images, expected, rtol=0, atol=1e-5)


def test_interruptions_count_over_all_scales() -> None:
    asked = 0

    def stop() -> bool:
        nonlocal asked
        asked += 1
        return asked > 15

    extractor = TinyFeatures()
    with pytest.raises(Interrupted):
        stylize_batch(pairs(extractor, SCALES), SCALES, extractor, Watch(should_stop=stop))
    assert asked == 16


@pytest.mark.parametrize("name", ["lbfgs", "adam", "rmsprop"])
def test_a_row_that_diverges_at_a_coarse_scale_begins_anew_at_the_next(name: str) -> None:
    recipe = replace(
        SCALES, evaluations=(25, 12), optimiser=OptimiserSettings(name, 1.0 if name == "lbfgs" else 0.02, carry=True)
    )
    extractor, undisturbed = Spoilt(1, range(8, 26)), TinyFeatures()
    batch = pairs(undisturbed, recipe)
    made, expected = (stylize_batch(batch, recipe, each) for each in (extractor, undisturbed))
    assert made.failed == [False] * 3
    assert made.images.isfinite().all()
    for index in (0, 2):
        torch.testing.assert_close(made.images[index], expected.images[index], rtol=0, atol=1e-5)
    start = Objective(recipe, undisturbed, batch.contents, batch.targets).terms(batch.contents).total[1]
    assert made.traces[1][25].total == pytest.approx(float(start), rel=1e-5)
    assert made.traces[1][-1].total < start


@pytest.mark.parametrize("start", ["content", "colour_matched", "style", "noise"])
@pytest.mark.parametrize("kept", ["style", "luminance", "matching"])
def test_every_start_and_colour_mode_has_schedules(start: str, kept: str) -> None:
    colours = {} if kept == "style" else {"colour": "content", "keep_colour_by": kept}
    recipe = replace(SCALES, start=start, **colours)
    extractor, contents = TinyFeatures(), torch.stack([picture(seed) for seed in range(2)])
    targets = [style_target(picture(20 + seed, 14, 10), recipe, extractor, contents[seed]) for seed in range(2)]
    made = stylize_batch(Pairs(contents, targets, [0, 1]), recipe, extractor)
    assert made.failed == [False, False]
    assert made.images.shape == contents.shape
    for trace in made.traces:
        assert trace[-1].total < trace[12].total
    assert luminance_only(recipe) == (kept == "luminance")


def test_blends_blend_at_every_scale() -> None:
    extractor = TinyFeatures()
    one, other = (style_target(picture(seed, 14, 10), SCALES, extractor) for seed in (10, 11))
    blend = blend_targets([one, other], [3, 1])
    for mine, a, b in ((blend, one, other), (blend.others[0.5, None], one.others[0.5, None], other.others[0.5, None])):
        (((first, own), (second, others)),) = mine.losses.values()
        assert (first, second) == (0.75, 0.25)
        assert [(own,), (others,)] == [tuple(kept for ((_, kept),) in each.losses.values()) for each in (a, b)]


def test_targets_of_another_recipe_are_refused() -> None:
    extractor = TinyFeatures()
    with pytest.raises(ValueError, match="targets made under the same recipe"):
        stylize_batch(pairs(extractor, RECIPE), SCALES, extractor)


def test_moments_are_carried_where_that_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[str] = []

    def noting(settings: OptimiserSettings, points: Tensor) -> Any:
        built.append(settings.name)
        return original(settings, points)

    original = optimisation.build_optimiser
    monkeypatch.setattr(optimisation, "build_optimiser", noting)
    extractor = TinyFeatures()
    for name, carry, precondition, times in (
        ("lbfgs", True, "none", 2),
        ("gradient_descent", True, "none", 2),
        ("adam", False, "none", 2),
        ("adam", True, "none", 1),
        ("adam", True, "spectral", 1),
        ("adam", True, "laplacian", 2),
        ("rmsprop", True, "normalised", 1),
    ):
        optimiser = OptimiserSettings(name, 0.001, carry=carry, precondition=precondition)
        scheduled = replace(SCALES, evaluations=3, optimiser=optimiser)
        stylize_batch(pairs(extractor, scheduled), scheduled, extractor)
        assert built == [name] * times, (name, carry, precondition)
        built.clear()


def test_every_scale_gets_an_evaluation_of_its_own_shape(monkeypatch: pytest.MonkeyPatch) -> None:
    """A compiled or captured evaluation holds for one shape."""
    built: list[tuple[str, tuple[int, ...]]] = []

    def noting(objective: Objective, parametrisation: PixelParametrisation, evaluation: Evaluation) -> Evaluate:
        built.append((evaluation, tuple(parametrisation.start.shape)))
        return original(objective, parametrisation, "eager")

    original = optimisation.build_evaluation
    monkeypatch.setattr(optimisation, "build_evaluation", noting)
    extractor = TinyFeatures()
    stylize_batch(pairs(extractor, SCALES), SCALES, extractor, evaluation="graph")
    assert built == [("graph", (3, 3, 6, 8)), ("graph", (3, 3, 12, 16))]


def test_where_memory_runs_out_the_schedule_is_made_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[int] = []

    def limited(part: Pairs, *arguments: Any) -> StylizedBatch:
        if len(part.contents) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return stylize_batch(part, *arguments)

    monkeypatch.setattr(session, "stylize_batch", limited)
    extractor = TinyFeatures()
    monkeypatch.setattr(session, "_shared_extractor", lambda *_: extractor)
    made = session.Session(SCALES, torch.device("cpu"))
    batch = pairs(extractor, SCALES, 2)
    parts = made.stylize(batch, Watch(10, lambda count, _: done.append(count)))
    assert done == [0, 5, 10, 10, 15, 20]
    whole = stylize_batch(batch, SCALES, extractor)
    torch.testing.assert_close(parts.images, whole.images, rtol=0, atol=2e-3)
