"""The optimisation loop: traces, starts, batches against single pairs, divergence, and being stopped."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from nst_core.engine import optimisation
from nst_core.engine.batch import LossPoint, Pairs, StylizedBatch
from nst_core.engine.colour import colour_statistics, greyscale, luminance, match_colours
from nst_core.engine.divergence import DivergenceGuard
from nst_core.engine.features import build_extractor
from nst_core.engine.features.base import Extractor
from nst_core.engine.objective import Objective
from nst_core.engine.optimisation import stylize_batch
from nst_core.engine.optimiser_settings import OptimiserSettings
from nst_core.engine.optimisers import LBFGS
from nst_core.engine.recipe import Recipe
from nst_core.engine.starts import initial_images
from nst_core.engine.style_targets import StyleTarget, style_target
from nst_core.engine.terms import ContentTerm, StyleTerm
from nst_core.engine.watch import Watch
from nst_core.errors import Interrupted, TransientError

RECIPE = Recipe(
    "tiny",
    ContentTerm((("second", 1.0),), loss="relative"),
    StyleTerm((("first", 0.5), ("second", 0.5)), loss="frobenius"),
    alpha=1.0,
    beta=2.0,
    tv_weight=0.1,
    precision="float32",
    evaluations=20,
)
ADAM = replace(RECIPE, optimiser=OptimiserSettings("adam", learning_rate=0.02))
REAL = replace(
    RECIPE,
    features="squeezenet1_1",
    weights="random",
    content=ContentTerm((("fire3", 1.0),), loss="relative"),
    style=StyleTerm((("relu1", 0.5), ("fire2", 0.5)), loss="frobenius"),
)
both_optimisers = pytest.mark.parametrize("recipe", [RECIPE, ADAM], ids=["lbfgs", "adam"])


class TinyFeatures(Extractor):
    """Two smooth convolutions, fast enough for many evaluations."""

    name, layers = "tiny", ("first", "second")

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.register_buffer("first", torch.randn(6, 3, 3, 3, generator=generator) / 3)
        self.register_buffer("second", torch.randn(8, 6, 3, 3, generator=generator) / 5)

    def forward(self, images: Tensor, layers: Sequence[str]) -> dict[str, Tensor]:
        first = F.softplus(F.conv2d(images, self.get_buffer("first"), padding=1))
        second = F.softplus(F.conv2d(first, self.get_buffer("second"), stride=2, padding=1))
        return {name: maps for name, maps in (("first", first), ("second", second)) if name in layers}


class Spoilt(TinyFeatures):
    """Gives NaN for one row of a batch, at those evaluations of a whole batch that `when` names."""

    def __init__(self, row: int, when: range) -> None:
        super().__init__()
        self.row, self.when, self.calls = row, when, -1  # the content's own maps come before evaluation 0

    def forward(self, images: Tensor, layers: Sequence[str]) -> dict[str, Tensor]:
        maps = super().forward(images, layers)
        if len(images) > 1:
            if self.calls in self.when:
                spoil = torch.zeros(len(images), 1, 1, 1)
                spoil[self.row] = torch.nan
                maps = {name: each + spoil for name, each in maps.items()}
            self.calls += 1
        return maps


def picture(seed: int, height: int = 12, width: int = 16, dtype: torch.dtype = torch.float32) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(1, 3, 4, 4, generator=generator)
    smooth = F.interpolate(coarse, (height, width), mode="bilinear", align_corners=True)[0]
    return (0.8 * smooth + 0.2 * torch.rand(3, height, width, generator=generator)).to(dtype)


def pairs(extractor: Extractor, recipe: Recipe = RECIPE, count: int = 3, **settings: Sequence[float]) -> Pairs:
    """Contents 0, 1, … in styles 10, 11, …, in the extractor's own precision."""
    dtype = next(extractor.buffers()).dtype
    contents = torch.stack([picture(seed, dtype=dtype) for seed in range(count)])
    targets = [style_target(picture(10 + seed, 14, 10, dtype), recipe, extractor) for seed in range(count)]
    return Pairs(contents, targets, list(range(count)), **settings)


def row(batch: Pairs, index: int) -> Pairs:
    return Pairs(batch.contents[index : index + 1], batch.targets[index : index + 1], batch.seeds[index : index + 1])


def check_each_alone(batch: Pairs, recipe: Recipe, extractor: Extractor) -> None:
    """Each pair of a batch ends where it ends alone."""
    together = stylize_batch(batch, recipe, extractor)
    assert not any(together.failed)
    for index in range(len(batch.seeds)):
        alone = stylize_batch(row(batch, index), recipe, extractor)
        for one, other in zip(alone.traces[0], together.traces[index], strict=True):
            assert other.total == pytest.approx(one.total, rel=0.01)
        assert (alone.images[0] - together.images[index]).abs().max() < 0.02


def totals(stylized: StylizedBatch, index: int = 0) -> list[float]:
    return [point.total for point in stylized.traces[index]]


@both_optimisers
def test_losses_go_down_for_every_pair(recipe: Recipe) -> None:
    extractor = TinyFeatures()
    stylized = stylize_batch(pairs(extractor), recipe, extractor)
    for index in range(3):
        assert totals(stylized, index)[-1] < 0.9 * totals(stylized, index)[0]
    assert stylized.failed == [False] * 3
    assert (stylized.iterations, stylized.evaluations) == (20, 20)


def test_the_trace_begins_with_the_initial_image_and_ends_with_the_delivered_one() -> None:
    extractor = TinyFeatures()
    batch = pairs(extractor)
    first, last = (replace(RECIPE, evaluations=n) for n in (1, 20))
    stylized = stylize_batch(batch, last, extractor)
    delivered = Pairs(stylized.images, batch.targets, batch.seeds)
    start_again = stylize_batch(delivered, first, extractor)  # its iteration 0 has the delivered image's style and TV
    for index, trace in enumerate(stylized.traces):
        assert [point.iteration for point in trace] == list(range(21))
        assert trace[0].content == 0  # the start is the content
        assert trace[-1].style == pytest.approx(start_again.traces[index][0].style, rel=1e-6)
        assert trace[-1].tv == pytest.approx(start_again.traces[index][0].tv, rel=1e-6)
        for point in trace:
            assert point.total == pytest.approx(point.content + 2 * point.style + 0.1 * point.tv, rel=1e-6)


def test_delivered_images_can_be_displayed() -> None:
    extractor = TinyFeatures()
    wild = replace(RECIPE, alpha=0.0, beta=1e3)
    images = stylize_batch(pairs(extractor), wild, extractor).images
    assert images.min() == 0.0
    assert images.max() <= 1.0


@pytest.mark.parametrize(("evaluations", "points"), [(1, 2), (100, 101), (101, 52), (250, 85), (1000, 101)])
def test_a_trace_has_about_a_hundred_points_however_long_the_run(evaluations: int, points: int) -> None:
    extractor = TinyFeatures()
    trace = stylize_batch(
        pairs(extractor, count=1), replace(ADAM, evaluations=evaluations), extractor, Watch(report_every=100)
    ).traces[0]
    assert len(trace) == points <= 101 + 1
    assert (trace[0].iteration, trace[-1].iteration) == (0, evaluations)


def test_per_pair_weights_are_those_of_the_recipe_for_that_pair() -> None:
    extractor = TinyFeatures()
    batch = pairs(extractor, alpha=[1.0, 5.0, 1.0], beta=[2.0, 0.5, 2.0])
    stylized = stylize_batch(batch, RECIPE, extractor)
    alone = stylize_batch(row(batch, 1), replace(RECIPE, alpha=5.0, beta=0.5), extractor)
    assert totals(stylized, 1)[:8] == pytest.approx(totals(alone)[:8], rel=1e-4)
    assert totals(stylized, 1)[-1] == pytest.approx(totals(alone)[-1], rel=0.01)


@both_optimisers
def test_in_a_batch_every_pair_takes_the_steps_that_it_takes_alone(recipe: Recipe) -> None:
    extractor = TinyFeatures().double()
    recipe = replace(recipe, evaluations=40)
    batch = pairs(extractor, recipe)
    together = stylize_batch(batch, recipe, extractor)
    for index in range(3):
        alone = stylize_batch(row(batch, index), recipe, extractor)
        assert totals(together, index)[:9] == pytest.approx(totals(alone)[:9], rel=1e-8)
        assert totals(together, index)[-1] == pytest.approx(totals(alone)[-1], rel=0.01)


def test_on_a_real_network_batch_and_single_pairs_agree() -> None:
    extractor = build_extractor(REAL).double()
    targets = [style_target(picture(10 + k, 40, 30, torch.float64), REAL, extractor) for k in range(3)]
    batch = Pairs(torch.stack([picture(k, 36, 48, torch.float64) for k in range(3)]), targets, [0, 1, 2])
    together = stylize_batch(batch, REAL, extractor)
    for index in range(3):
        alone = stylize_batch(row(batch, index), REAL, extractor)
        assert totals(together, index)[:9] == pytest.approx(totals(alone)[:9], rel=1e-8)
        assert totals(together, index)[-1] == pytest.approx(totals(alone)[-1], rel=0.01)


@both_optimisers
def test_the_same_batch_twice_gives_the_same_bits(recipe: Recipe) -> None:
    extractor = TinyFeatures()
    once, again = (stylize_batch(pairs(extractor), recipe, extractor) for _ in range(2))
    assert torch.equal(once.images, again.images)
    assert once.traces == again.traces


def test_looking_in_more_often_changes_nothing() -> None:
    extractor = TinyFeatures()
    seldom, often = (stylize_batch(pairs(extractor), RECIPE, extractor, Watch(every)) for every in (100, 1))
    assert torch.equal(seldom.images, often.images)


def test_a_start_from_noise_is_a_function_of_the_seed() -> None:
    extractor = TinyFeatures()
    noise = replace(RECIPE, start="noise", evaluations=1)
    one, other = pairs(extractor), pairs(extractor)
    other = Pairs(other.contents, other.targets, [2, 5, 0])
    starts, others = (stylize_batch(batch, noise, extractor).traces for batch in (one, other))
    tv, other_tv = ([trace[0].tv for trace in traces] for traces in (starts, others))
    assert tv[0] == pytest.approx(other_tv[2], rel=1e-6)
    assert tv[2] == pytest.approx(other_tv[0], rel=1e-6)
    assert len({round(value, 6) for value in (*tv, other_tv[1])}) == 4


def test_a_colour_matched_start_has_the_style_s_colours() -> None:
    extractor = TinyFeatures()
    still = replace(ADAM, start="colour_matched", evaluations=1, optimiser=OptimiserSettings("adam", 1e-9))
    batch = pairs(extractor)
    images = stylize_batch(batch, still, extractor).images
    for index in range(3):
        style = colour_statistics(picture(10 + index, 14, 10))
        torch.testing.assert_close(images[index], match_colours(picture(index), style))


def test_spectral_preconditioning_starts_at_the_same_image_and_descends() -> None:
    extractor = TinyFeatures()
    spectral = replace(RECIPE, optimiser=OptimiserSettings(precondition="spectral"))
    one, other = (stylize_batch(pairs(extractor), recipe, extractor) for recipe in (spectral, RECIPE))
    for index in range(3):
        assert totals(one, index)[0] == totals(other, index)[0]
        assert totals(one, index)[-1] < 0.9 * totals(one, index)[0]
        assert totals(one, index)[1] != totals(other, index)[1]


@both_optimisers
def test_a_pair_that_diverges_once_is_started_again(recipe: Recipe) -> None:
    extractor, undisturbed = Spoilt(1, range(3, 6)), TinyFeatures()
    recipe = replace(recipe, evaluations=60)
    stylized = stylize_batch(pairs(undisturbed), recipe, extractor)
    expected = stylize_batch(pairs(undisturbed), recipe, undisturbed)
    assert stylized.failed == [False, False, False]
    assert totals(stylized, 1)[-1] < 0.9 * totals(stylized, 1)[0]
    assert torch.equal(stylized.images[[0, 2]], expected.images[[0, 2]])
    assert [stylized.traces[k] for k in (0, 2)] == [expected.traces[k] for k in (0, 2)]


def test_a_last_step_that_overshoots_is_not_delivered(monkeypatch: pytest.MonkeyPatch) -> None:
    class WildAtLast(LBFGS):
        steps = 0

        def step(self, points: Tensor, gradients: Tensor, losses: Tensor) -> Tensor:
            WildAtLast.steps += 1
            moved = super().step(points, gradients, losses)
            wild = torch.tensor([0.0, 1.0, 0.0])[:, None] * (WildAtLast.steps == RECIPE.evaluations)
            return moved + wild * 1e3 * (-1.0) ** torch.arange(moved.shape[1])

    extractor = TinyFeatures()
    expected = stylize_batch(pairs(extractor), RECIPE, extractor)
    monkeypatch.setattr(optimisation, "build_optimiser", lambda settings, points: WildAtLast(points))
    stylized = stylize_batch(pairs(extractor), RECIPE, extractor)
    assert torch.equal(stylized.images[[0, 2]], expected.images[[0, 2]])
    assert totals(stylized, 1)[-1] < 1.2 * totals(stylized, 1)[-2]
    assert stylized.failed == [False, False, False]


@both_optimisers
def test_a_pair_that_diverges_twice_is_reported_and_harms_no_other(recipe: Recipe) -> None:
    extractor, undisturbed = Spoilt(1, range(3, 100)), TinyFeatures()
    stylized = stylize_batch(pairs(undisturbed), recipe, extractor)
    expected = stylize_batch(pairs(undisturbed), recipe, undisturbed)
    assert stylized.failed == [False, True, False]
    assert torch.equal(stylized.images[[0, 2]], expected.images[[0, 2]])
    assert [stylized.traces[k] for k in (0, 2)] == [expected.traces[k] for k in (0, 2)]


@both_optimisers
def test_a_target_that_is_not_finite_fails_its_pair_alone(recipe: Recipe) -> None:
    extractor = TinyFeatures()
    batch = pairs(extractor)
    ((key, ((share, grams),)),) = batch.targets[1].losses.items()
    bad = StyleTarget({key: ((share, {k: g * math.nan for k, g in grams.items()}),)}, batch.targets[1].colours)
    planted = Pairs(batch.contents, [batch.targets[0], bad, batch.targets[2]], batch.seeds)
    stylized, expected = (stylize_batch(each, recipe, extractor) for each in (planted, batch))
    assert stylized.failed == [False, True, False]
    assert torch.equal(stylized.images[[0, 2]], expected.images[[0, 2]])


def test_a_weight_beyond_float32_fails_its_pair_alone() -> None:
    extractor = TinyFeatures()
    wild, tame = (pairs(extractor, beta=[2.0, beta, 2.0]) for beta in (1e38, 2.0))
    stylized, expected = (stylize_batch(each, RECIPE, extractor) for each in (wild, tame))
    assert stylized.failed == [False, True, False]
    assert torch.equal(stylized.images[[0, 2]], expected.images[[0, 2]])


def test_a_loss_that_explodes_is_divergence_though_clamping_hides_it() -> None:
    """Every image can be clamped into [0, 1], where its loss is finite again; it is noise all the same."""
    extractor = TinyFeatures()
    reckless = replace(RECIPE, optimiser=OptimiserSettings("adam", learning_rate=1e6))
    stylized = stylize_batch(pairs(extractor), reckless, extractor)
    assert math.isfinite(totals(stylized)[-1])
    assert stylized.failed == [True] * 3


@both_optimisers
def test_a_start_that_is_perfect_already_is_no_divergence(recipe: Recipe) -> None:
    """A photograph in its own style: the first loss is rounding, and whatever follows is many times that."""
    extractor = TinyFeatures()
    recipe = replace(recipe, tv_weight=0.0)
    content = picture(0)
    style = content + 1e-7 * torch.randn(content.shape, generator=torch.Generator().manual_seed(0))
    batch = Pairs(content[None], [style_target(style, recipe, extractor)], [0])
    stylized = stylize_batch(batch, recipe, extractor, Watch(report_every=1))
    assert stylized.failed == [False]
    assert 0 < totals(stylized)[0] < 1e-12
    assert totals(stylized)[-1] < 0.1


def test_progress_is_reported_at_every_look_and_at_the_end() -> None:
    extractor, seen = TinyFeatures(), []
    watch = Watch(8, progress=lambda evaluation, total: seen.append((evaluation, total)))
    stylized = stylize_batch(pairs(extractor), RECIPE, extractor, watch)
    assert [evaluation for evaluation, _ in seen] == [0, 8, 16, 20]
    assert seen[-1][1] == pytest.approx(sum(totals(stylized, k)[-1] for k in range(3)) / 3)


@pytest.mark.parametrize("after", [0, 1, 7])
def test_a_stop_is_obeyed_within_report_every_evaluations(after: int) -> None:
    extractor = Spoilt(0, range(0))
    watch = Watch(report_every=3, should_stop=lambda: extractor.calls > after)
    with pytest.raises(Interrupted):
        stylize_batch(pairs(TinyFeatures()), RECIPE, extractor, watch)
    assert extractor.calls <= after + 3 + 1


def test_a_deadline_ends_the_optimisation_as_a_transient_error() -> None:
    extractor = TinyFeatures()
    with pytest.raises(TransientError, match="after 0 evaluations"):
        stylize_batch(pairs(extractor), RECIPE, extractor, Watch(past_deadline=lambda: True))


def test_loss_points_are_plain_numbers() -> None:
    extractor = TinyFeatures()
    point = stylize_batch(pairs(extractor), RECIPE, extractor).traces[2][-1]
    assert isinstance(point, LossPoint)
    assert {type(value) for value in vars(point).values()} == {int, float}


def test_the_style_image_as_start_covers_the_content_s_shape() -> None:
    extractor, recipe = TinyFeatures(), replace(RECIPE, start="style")
    target = style_target(picture(10, 24, 64), recipe, extractor)
    batch = Pairs(picture(0)[None], [target], [0])
    objective = Objective(recipe, extractor, batch.contents, batch.targets)
    (start,) = initial_images(batch, recipe, objective)
    expected = F.interpolate(picture(10, 24, 64)[None], (12, 32), mode="bicubic", antialias=True)[0, :, :, 8:24]
    torch.testing.assert_close(start, expected.clamp(0, 1))


def test_targets_of_other_starts_hold_no_image() -> None:
    assert style_target(picture(10), RECIPE, TinyFeatures()).image is None


@pytest.mark.parametrize("way", ["luminance", "matching"])
def test_a_target_that_keeps_the_content_s_colours_needs_the_content(way: str) -> None:
    recipe = replace(RECIPE, colour="content", keep_colour_by=way)
    with pytest.raises(ValueError, match="need the content"):
        style_target(picture(10), recipe, TinyFeatures())


def kept_colours(way: str) -> tuple[Pairs, StylizedBatch, Recipe]:
    extractor = TinyFeatures()
    recipe = replace(RECIPE, colour="content", keep_colour_by=way, range_weight=100.0)
    contents = torch.stack([picture(0), picture(1)])
    targets = [style_target(picture(10 + i, 14, 10), recipe, extractor, contents[i]) for i in range(2)]
    batch = Pairs(contents, targets, [0, 1])
    return batch, stylize_batch(batch, recipe, extractor), recipe


def test_luminance_only_transfer_leaves_every_hue_and_changes_the_luminance() -> None:
    batch, stylized, recipe = kept_colours("luminance")
    chroma, kept = (x - luminance(x) for x in (batch.contents, stylized.images))
    torch.testing.assert_close(torch.linalg.cross(chroma, kept, dim=1), torch.zeros_like(kept), atol=1e-6, rtol=0)
    assert (luminance(stylized.images) - luminance(batch.contents)).abs().mean() > 0.01
    last = Objective(recipe, TinyFeatures(), batch.contents, batch.targets).terms(greyscale(stylized.images))
    for index in range(2):  # the trace ends at what is delivered, seen as it was optimised
        assert stylized.traces[index][-1].total == pytest.approx(last.total[index].item(), rel=1e-4)


def test_colour_matching_gives_the_style_the_content_s_statistics() -> None:
    batch, stylized, _ = kept_colours("matching")
    for content, target in zip(batch.contents, batch.targets, strict=True):
        torch.testing.assert_close(target.colours.mean, colour_statistics(content).mean, atol=0.05, rtol=0)
    assert stylized.images.isfinite().all()


def test_previews_are_the_images_on_their_way_and_change_nothing() -> None:
    extractor, seen = TinyFeatures(), []
    batch = pairs(extractor)
    watch = Watch(preview_every=8, preview=lambda *look: seen.append(look))
    stylized = stylize_batch(batch, RECIPE, extractor, watch)
    assert [look[:2] for look in seen] == [(evaluation, row) for evaluation in (0, 8, 16) for row in range(3)]
    first, second = (torch.stack([image for _, _, image in seen[i : i + 3]]) for i in (0, 3))
    torch.testing.assert_close(first, batch.contents)
    torch.testing.assert_close(second, stylize_batch(batch, replace(RECIPE, evaluations=8), extractor).images)
    assert torch.equal(stylized.images, stylize_batch(batch, RECIPE, extractor).images)


@pytest.mark.parametrize("term", ["content", "style"])
def test_each_task_alone_comes_down_to_its_target(term: str) -> None:
    """Seed 000's two tasks: from noise, the content's or the style's features alone."""
    extractor = TinyFeatures()
    recipe = replace(RECIPE, start="noise", tv_weight=0.0, range_weight=1.0, evaluations=150)
    left_out = {"content": "style", "style": "content"}[term]
    recipe = replace(recipe, **{left_out: replace(getattr(recipe, left_out), layers=())})
    stylized = stylize_batch(pairs(extractor, recipe, 2), recipe, extractor)
    for trace in stylized.traces:
        assert all(getattr(point, left_out) == 0 for point in trace)
        assert getattr(trace[-1], term) < 1e-3 * getattr(trace[0], term)


@pytest.mark.parametrize("name", ["lbfgs", "adam", "gradient_descent"])
def test_every_optimiser_lowers_every_loss(name: str) -> None:
    extractor = TinyFeatures()
    optimiser = OptimiserSettings(name, 1.0 if name == "lbfgs" else 0.02, rate="first_step")
    stylized = stylize_batch(pairs(extractor), replace(RECIPE, optimiser=optimiser, evaluations=40), extractor)
    assert stylized.failed == [False] * 3
    for trace in stylized.traces:
        assert trace[-1].total < 0.9 * trace[0].total


def test_a_restart_reads_nothing_that_the_next_evaluation_overwrites(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a CUDA graph does, every evaluation writes into the same two tensors."""
    recipe = replace(RECIPE, evaluations=25)

    def run() -> StylizedBatch:
        return stylize_batch(pairs(TinyFeatures()), recipe, Spoilt(1, range(15, 999)))

    plain = run()
    original = optimisation.build_evaluation

    def static(*settings: Any) -> Any:
        evaluate, buffers = original(*settings), []

        def overwriting(points: Tensor) -> tuple[Tensor, Tensor]:
            made = evaluate(points)
            if not buffers:
                buffers.extend(tensor.clone() for tensor in made)
            for buffer, tensor in zip(buffers, made, strict=True):
                buffer.copy_(tensor)
            return buffers[0], buffers[1]

        return overwriting

    monkeypatch.setattr(optimisation, "build_evaluation", static)
    overwritten = run()
    assert plain.failed == overwritten.failed == [False, True, False]
    assert torch.equal(plain.images[[0, 2]], overwritten.images[[0, 2]])
    assert plain.traces[0] == overwritten.traces[0]


def test_a_total_that_is_infinite_at_the_start_is_never_within_its_limit() -> None:
    guard = DivergenceGuard(torch.ones(3))
    assert guard.check(torch.tensor([1.0, torch.inf, torch.nan])) is None
    assert guard.diverged(torch.tensor([1.0, 1.0, 1.0])).tolist() == [False, True, True]
    assert guard.diverged(torch.tensor([1e5, 1.0, 1.0])).tolist() == [True, True, True]
