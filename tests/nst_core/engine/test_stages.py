"""Stages on several networks: what each starts from, whose losses are told, and what makes them the same method."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from test_optimisation import ADAM, REAL, RECIPE, TinyFeatures, pairs, picture, row
from torch import Tensor

from nst_core.engine.batch import Pairs
from nst_core.engine.features.base import Extractor
from nst_core.engine.method_session import OutOfMemory
from nst_core.engine.objective import Objective
from nst_core.engine.optimisation import stylize_batch
from nst_core.engine.recipe import Recipe
from nst_core.engine.regions import Regions
from nst_core.engine.session import Session
from nst_core.engine.stages import Network, Stage, StageSettings
from nst_core.engine.style_targets import blend_targets, regional_target, style_target
from nst_core.engine.tiling.settings import Tiling
from nst_core.engine.watch import Watch
from nst_core.errors import ConfigError

CHEAP = Network("cheap", "shipped", "max", "torchvision")
ON_CHEAP = StageSettings(6, features="cheap", weights="shipped")
TWO = replace(RECIPE, stages=(ON_CHEAP, StageSettings(4)), evaluations=10)


class Cheap(TinyFeatures):
    """Knows the same layers, and sees something else in them."""

    def forward(self, images: Tensor, layers: Any) -> dict[str, Tensor]:
        return {name: F.relu(2 - maps) for name, maps in super().forward(images, layers).items()}


OWN, OTHER = TinyFeatures(), Cheap()


def extractor_of(network: Network | None, height: int, width: int) -> Extractor:
    assert network in (None, CHEAP)
    return OWN if network is None else OTHER


def staged(recipe: Recipe, count: int = 3) -> Pairs:
    contents = torch.stack([picture(seed) for seed in range(count)])
    targets = [
        style_target(picture(10 + seed, 14, 10), recipe, OWN, contents[seed], others={CHEAP: OTHER})
        for seed in range(count)
    ]
    return Pairs(contents, targets, list(range(count)))


def test_a_schedule_has_its_stages_with_their_networks() -> None:
    assert TWO.schedule() == (Stage(1.0, 6, 0, CHEAP), Stage(1.0, 4, 6))
    assert (TWO.total_evaluations, TWO.networks(), TWO.other_keys()) == (10, (None, CHEAP), ((1.0, CHEAP),))
    coarse = replace(TWO, stages=(replace(ON_CHEAP, size=8), StageSettings(4, 12), StageSettings(2, 16)), size=16)
    assert coarse.schedule() == (Stage(0.5, 6, 0, CHEAP), Stage(0.75, 4, 6), Stage(1.0, 2, 10))
    assert coarse.other_keys() == ((0.5, CHEAP), (0.75, None))
    assert coarse.full_size_evaluations() == 6 / 4 + 4 * 0.75**2 + 2
    cheap, own = TWO.under(CHEAP), TWO.under(None)
    assert (cheap.features, cheap.weights, cheap.evaluations, own.features) == ("cheap", "shipped", 6, RECIPE.features)
    assert cheap.stages == own.stages == ()
    assert RECIPE.under(None) is RECIPE


@pytest.mark.parametrize("recipe", [RECIPE, ADAM], ids=["lbfgs", "adam"])
def test_scales_are_stages_that_differ_in_nothing_but_side_and_evaluations(recipe: Recipe) -> None:
    scales = replace(recipe, size=16, scales=(8, 16), evaluations=(5, 4))
    stages = replace(recipe, size=16, stages=(StageSettings(5, 8), StageSettings(4, 16)))
    assert scales.schedule() == stages.schedule()
    one, other = (stylize_batch(pairs(OWN, each), each, OWN) for each in (scales, stages))
    assert torch.equal(one.images, other.images)
    assert one.traces == other.traces


def test_each_stage_starts_from_the_result_of_the_one_before_on_its_own_network() -> None:
    """Two runs by hand: one on the cheap network, and one on the recipe's own from there."""
    made = stylize_batch(staged(TWO), TWO, OWN, extractor_of=extractor_of)
    first = stylize_batch(pairs(OTHER), replace(RECIPE, evaluations=6), OTHER)
    from_there = replace(RECIPE, evaluations=4, start="transfer", start_network=("network.pth",))
    second = stylize_batch(replace(pairs(OWN), starts=first.images), from_there, OWN)
    assert torch.equal(made.images, second.images)
    assert (made.iterations, made.evaluations) == (10, 10)
    for trace, expected in zip(made.traces, second.traces, strict=True):
        assert [(point.iteration, point.total) for point in trace[1:]] == [
            (6 + point.iteration, point.total) for point in expected
        ]


def test_all_losses_of_a_trace_are_those_of_the_recipes_own_network() -> None:
    batch = staged(TWO)
    told: list[tuple[int, float]] = []
    made = stylize_batch(batch, TWO, OWN, Watch(2, lambda *each: told.append(each)), extractor_of=extractor_of)
    own = Objective(RECIPE, OWN, batch.contents, pairs(OWN).targets)
    initial, final = own.terms(batch.contents).total, own.terms(made.images).total
    for index, trace in enumerate(made.traces):
        assert [point.iteration for point in trace] == [0, 6, 7, 8, 9, 10]
        assert trace[0].total == pytest.approx(float(initial[index]), rel=1e-5)
        assert trace[-1].total == pytest.approx(float(final[index]), rel=1e-5)
    assert [evaluation for evaluation, _ in told] == [0, 2, 4, 6, 8, 10]


@pytest.mark.parametrize("start", ["content", "noise", "style", "colour_matched"])
def test_a_batch_of_three_equals_three_solo_runs(start: str) -> None:
    recipe = replace(
        TWO, start=start, size=16, stages=(replace(ON_CHEAP, size=8), replace(ON_CHEAP, size=16), StageSettings(4, 16))
    )
    batch = staged(recipe)
    together = stylize_batch(batch, recipe, OWN, extractor_of=extractor_of)
    for index in range(3):
        alone = stylize_batch(row(batch, index), recipe, OWN, extractor_of=extractor_of)
        torch.testing.assert_close(together.images[index], alone.images[0], atol=2e-3, rtol=0)


@pytest.mark.parametrize("strength", [0.2, 0.8])
def test_strength_and_luminance_hold_in_every_stage(strength: float) -> None:
    recipe = replace(TWO, strength=strength, colour="content")
    made = stylize_batch(staged(recipe), recipe, OWN, extractor_of=extractor_of)
    assert made.failed == [False] * 3
    assert all(trace[-1].total < trace[1].total for trace in made.traces)


def test_blends_and_regions_have_targets_for_every_stage() -> None:
    one, other = staged(TWO, 2).targets
    blend = blend_targets([one, other], [3, 1])
    ((blended,), shares) = blend.others[1.0, CHEAP].losses.values(), (0.75, 0.25)
    assert tuple(share for share, _ in blended) == shares
    left = torch.zeros(12, 16)
    left[:, :8] = 1
    regions = regional_target(Regions(torch.stack([left, 1 - left]), torch.zeros(12, 16)), [one, other])
    assert regions.others[1.0, CHEAP].regions is not None
    batch = replace(staged(TWO, 1), targets=[regions])
    made = stylize_batch(batch, TWO, OWN, extractor_of=extractor_of)
    assert made.traces[0][-1].total < made.traces[0][0].total


def real(**settings: Any) -> Recipe:
    """On two real networks that share the names of their layers."""
    first = StageSettings(3, features="squeezenet1_0", weights="random")
    return replace(REAL, stages=(first, StageSettings(2)), size=64, **settings)


def made_by(session: Session, count: int = 1) -> Any:
    contents = torch.stack([picture(seed, 64, 48) for seed in range(count)])
    targets = [session.style_target(picture(10, 48, 64)) for _ in range(count)]
    return session.stylize(Pairs(contents, targets, list(range(count))), Watch())


def test_a_session_loads_the_network_of_every_stage() -> None:
    session = Session(real(), torch.device("cpu"))
    assert session.weights_sha256 == session.extractor.weights_sha256
    first, last = session.stages_sha256
    assert last is None
    assert first not in (None, session.weights_sha256)
    assert session.features == "squeezenet1_1"
    assert session.pair_bytes(64, 64) >= Session(real().under(None), torch.device("cpu")).pair_bytes(64, 64)
    trace = made_by(session).traces[0]
    assert [point.iteration for point in trace] == [0, 3, 4, 5]
    assert trace[-1].total < trace[0].total


def test_tiles_make_the_same_picture_in_every_stage() -> None:
    whole, tiled = (Session(real(), torch.device("cpu"), Tiling(tile)) for tile in ("none", 32))
    assert not whole.is_tiled(Pairs(torch.zeros(1, 3, 64, 48), [], []))
    assert tiled.is_tiled(Pairs(torch.zeros(1, 3, 64, 48), [], []))
    torch.testing.assert_close(made_by(tiled).images, made_by(whole).images, rtol=0, atol=1e-3)


def test_where_a_single_picture_does_not_fit_tiles_are_made_smaller_until_there_are_no_smaller_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    session = Session(real(), torch.device("cpu"))
    asked = []

    def exhausted(*_: Any) -> Any:
        asked.append(1)
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(session, "make_pictures", exhausted)
    target = session.style_target(picture(10, 48, 64))
    with pytest.raises(OutOfMemory):
        session.stylize(Pairs(torch.zeros(1, 3, 2600, 64), [target], [0]), Watch())
    assert len(asked) >= 3, "whole, and then in tiles, on either network"


def test_a_network_that_lacks_a_layer_is_refused_by_the_name_of_its_stage() -> None:
    recipe = replace(REAL, stages=(StageSettings(3, features="slim"), StageSettings(2)))
    with pytest.raises(ConfigError, match=r"method\.stages: of the stage with features slim: slim has no layer"):
        Session(recipe, torch.device("cpu"))
