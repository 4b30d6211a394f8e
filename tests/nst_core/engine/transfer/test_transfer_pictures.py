"""Batches of a transfer network: the same pictures as one by one, with the controls that all recipes have."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_networks import adain_files, johnson_file
from torch import Tensor

from nst_core.engine.batch import Pairs, StylizedBatch
from nst_core.engine.colour import colour_statistics, luminance, match_colours
from nst_core.engine.method_session import OutOfMemory
from nst_core.engine.recipe import Recipe
from nst_core.engine.regions import Regions
from nst_core.engine.session import Session
from nst_core.engine.session import session_for as optimisation_session
from nst_core.engine.style_targets import blend_targets, regional_target
from nst_core.engine.transfer.files import load_network
from nst_core.engine.transfer.network import TransferNetwork
from nst_core.engine.transfer.recipe import TransferRecipe
from nst_core.engine.transfer.session import TransferSession
from nst_core.engine.watch import Watch
from nst_core.errors import Interrupted
from nst_core.recipes import load_recipe

CPU = torch.device("cpu")
RECIPE = TransferRecipe("transfer", ("a.pth", "b.pth"), precision="float32")


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> TransferNetwork:
    return load_network(adain_files(tmp_path_factory.mktemp("networks")))


def pictures(count: int, height: int = 21, width: int = 30, seed: int = 0) -> Tensor:
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(seed))


def stylized(network: TransferNetwork, pairs: Callable[[TransferSession], Pairs], **keys: Any) -> StylizedBatch:
    session = TransferSession(replace(RECIPE, **keys), CPU, network)
    return session.stylize(pairs(session), Watch())


def batch(session: TransferSession, contents: Tensor, styles: Tensor, **more: Any) -> Pairs:
    each = zip(styles, contents, strict=True)
    targets = [session.style_target(style, content) for style, content in each]
    return Pairs(contents, targets, [0] * len(contents), **more)


CONTENTS, STYLES = pictures(4), pictures(4, 18, 25, seed=1)


class TestBatches:
    def test_four_are_four_alone_in_any_order(self, network: TransferNetwork) -> None:
        strengths = [0.5, 0.2, 0.7, 0.4]
        together = stylized(network, lambda s: batch(s, CONTENTS, STYLES, strengths=strengths))
        order = [2, 0, 3, 1]
        permuted = stylized(
            network,
            lambda s: batch(s, CONTENTS[order], STYLES[order], strengths=[strengths[row] for row in order]),
        )
        torch.testing.assert_close(permuted.images, together.images[order], rtol=0, atol=1e-5)
        for row in range(4):
            rows = slice(row, row + 1)
            alone = stylized(network, lambda s, r=rows: batch(s, CONTENTS[r], STYLES[r], strengths=strengths[r]))  # type: ignore[misc]
            torch.testing.assert_close(alone.images[0], together.images[row], rtol=0, atol=1e-5)

    def test_a_batch_has_no_losses(self, network: TransferNetwork) -> None:
        found = stylized(network, lambda s: batch(s, CONTENTS, STYLES))
        assert (found.traces, found.failed) == ([[], [], [], []], [False] * 4)
        assert (found.iterations, found.evaluations) == (0, 0)

    def test_where_memory_runs_out_it_is_halved_and_the_pictures_are_the_same(
        self, network: TransferNetwork, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        whole = stylized(network, lambda s: batch(s, CONTENTS, STYLES))
        tried: list[int] = []
        limit = 1
        forward = type(network).forward

        def limited(self: TransferNetwork, contents: Tensor, vectors: Tensor, shares: Tensor) -> Tensor:
            tried.append(len(contents))
            if len(contents) > limit:
                raise torch.OutOfMemoryError("CUDA out of memory.")
            return forward(self, contents, vectors, shares)

        monkeypatch.setattr(type(network), "forward", limited)
        parts = stylized(network, lambda s: batch(s, CONTENTS, STYLES))
        assert tried == [4, 2, 1, 1, 1, 1]
        torch.testing.assert_close(parts.images, whole.images, rtol=0, atol=1e-5)
        limit = 0
        with pytest.raises(OutOfMemory, match=r"One pair of 30 × 21 pixels does not fit"):
            stylized(network, lambda s: batch(s, CONTENTS, STYLES))

    def test_a_picture_that_is_not_finite_fails_alone(self, network: TransferNetwork) -> None:
        def broken(session: TransferSession) -> Pairs:
            pairs = batch(session, CONTENTS, STYLES)
            vector = torch.full_like(pairs.targets[1].vector, torch.nan)  # type: ignore[arg-type]
            targets = [*pairs.targets]
            targets[1] = replace(targets[1], vector=vector)
            return replace(pairs, targets=targets)

        assert stylized(network, broken).failed == [False, True, False, False]

    def test_a_stop_is_obeyed(self, network: TransferNetwork) -> None:
        session = TransferSession(RECIPE, CPU, network)
        with pytest.raises(Interrupted):
            session.stylize(batch(session, CONTENTS, STYLES), Watch(should_stop=lambda: True))


class TestControl:
    def test_strength_goes_from_the_content_to_the_network_as_it_is(self, network: TransferNetwork) -> None:
        one = CONTENTS[:1].expand(5, -1, -1, -1)
        styles = STYLES[:1].expand(5, -1, -1, -1)
        found = stylized(network, lambda s: batch(s, one, styles, strengths=[0.0, 0.01, 0.25, 0.5, 1.0])).images
        plain = stylized(network, lambda s: batch(s, one, styles)).images
        torch.testing.assert_close(found[0], CONTENTS[0], rtol=0, atol=0)
        torch.testing.assert_close(found[3:], plain[3:], rtol=0, atol=1e-6)
        away = (found - plain).square().mean(dim=(1, 2, 3))
        assert away[1] > away[2] > 1e-6
        assert stylized(network, lambda s: batch(s, one, styles), strength=0.25).images[2].allclose(found[2])

    def test_shares_blend_vectors(self, network: TransferNetwork) -> None:
        def blend(session: TransferSession, *shares: float) -> Pairs:
            targets = [session.style_target(style) for style in STYLES[: len(shares)]]
            return Pairs(CONTENTS[:1], [blend_targets(targets, shares)], [0])

        halves = stylized(network, lambda s: blend(s, 1.0, 1.0)).images
        vectors = network.style_vectors(STYLES[:2]).mean(dim=0, keepdim=True)
        torch.testing.assert_close(halves, network(CONTENTS[:1], vectors, torch.ones(1)), rtol=0, atol=1e-5)
        first = stylized(network, lambda s: batch(s, CONTENTS[:1], STYLES[:1])).images
        torch.testing.assert_close(stylized(network, lambda s: blend(s, 1.0, 0.0)).images, first)

    def test_the_content_s_colours_are_kept_by_luminance(self, network: TransferNetwork) -> None:
        found = stylized(network, lambda s: batch(s, CONTENTS, STYLES), colour="content").images
        chroma = CONTENTS - luminance(CONTENTS)
        own = found - luminance(found)
        scale = (own * chroma).sum(1) / chroma.square().sum(1)  # clamping scales it down, and turns no hue
        torch.testing.assert_close(own, scale[:, None] * chroma, rtol=0, atol=1e-5)
        assert not found.allclose(CONTENTS, atol=0.05)

    def test_or_by_matching_the_style_first(self, network: TransferNetwork) -> None:
        keys = {"colour": "content", "keep_colour_by": "matching"}
        found = stylized(network, lambda s: batch(s, CONTENTS, STYLES), **keys).images
        matched = torch.stack(
            [match_colours(style, colour_statistics(content)) for style, content in zip(STYLES, CONTENTS, strict=True)]
        )
        expected = network(CONTENTS, network.style_vectors(matched), torch.ones(4))
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)

    def test_a_finish_gives_the_style_s_chroma(self, network: TransferNetwork) -> None:
        plain, finished = (
            stylized(network, lambda s: batch(s, CONTENTS, STYLES), finish=finish).images
            for finish in ("as_is", "matched_chroma")
        )
        torch.testing.assert_close(luminance(finished), luminance(plain).clamp(0, 1), rtol=0, atol=1e-5)
        assert not finished.allclose(plain, atol=0.01)

    def test_regions_have_styles_of_their_own_and_some_stay(self, network: TransferNetwork) -> None:
        guides, keep = torch.zeros(2, 21, 30), torch.zeros(21, 30)
        guides[0, :, :10], guides[1, :, 10:20], keep[:, 20:] = 1, 1, 1
        plain = stylized(network, lambda s: batch(s, CONTENTS[:1].expand(2, -1, -1, -1), STYLES[:2])).images

        def regional(session: TransferSession) -> Pairs:
            parts = [session.style_target(style) for style in STYLES[:2]]
            return Pairs(CONTENTS[:2], [regional_target(Regions(guides, keep), parts), parts[0]], [0, 0])

        found = stylized(network, regional).images
        torch.testing.assert_close(found[0, :, :, :10], plain[0, :, :, :10], rtol=0, atol=1e-5)
        torch.testing.assert_close(found[0, :, :, 10:20], plain[1, :, :, 10:20], rtol=0, atol=1e-5)
        torch.testing.assert_close(found[0, :, :, 20:], CONTENTS[0, :, :, 20:], rtol=0, atol=0)
        whole = stylized(network, lambda s: batch(s, CONTENTS[1:2], STYLES[:1])).images
        torch.testing.assert_close(found[1], whole[0], rtol=0, atol=1e-5)

    def test_a_network_of_one_style_asks_for_none(self, tmp_path: Path) -> None:
        one = load_network([johnson_file(tmp_path)])
        found = [stylized(one, lambda s, of=styles: batch(s, CONTENTS, of)).images for styles in (STYLES, CONTENTS)]  # type: ignore[misc]
        torch.testing.assert_close(*found, rtol=0, atol=0)


class TestStart:
    """`start: transfer`: an optimisation begins with a network's pictures."""

    @pytest.fixture
    def recipe(self, tmp_path: Path) -> Recipe:
        network = [str(path) for path in adain_files(tmp_path)]
        keys = {"size": 40, "precision": "float32", "evaluations": 1, "start_network": network, "start": "transfer"}
        return load_recipe("wavelet", {**keys, "optimiser": {"precondition": "none", "learning_rate": 0.0}})

    def of(self, recipe: Recipe, **more: Any) -> tuple[Session, StylizedBatch]:
        session = optimisation_session(recipe, CPU)
        contents, styles = pictures(2, 32, 40), pictures(2, 32, 32, seed=1)
        targets = [
            session.style_target(style, content, *more.get("strengths", [])[:1])
            for style, content in zip(styles, contents, strict=True)
        ]
        return session, session.stylize(Pairs(contents, targets, [0, 0], **more), Watch())

    def test_it_begins_there(self, recipe: Recipe) -> None:
        session, found = self.of(recipe)
        assert session.start_network
        network = session.start_network
        vectors = network.style_vectors(pictures(2, 32, 32, seed=1))
        torch.testing.assert_close(
            found.images, network(pictures(2, 32, 40), vectors, torch.ones(2)), rtol=0, atol=1e-5
        )
        assert session.start_sha256 == network.weights_sha256

    def test_weak_strengths_begin_nearer_to_the_content(self, recipe: Recipe) -> None:
        _, plain = self.of(recipe)
        _, weak = self.of(recipe, strengths=[0.25, 0.25])
        torch.testing.assert_close(weak.images, (plain.images + pictures(2, 32, 40)) / 2, rtol=0, atol=1e-5)

    def test_a_schedule_begins_at_its_coarsest_scale(self, recipe: Recipe) -> None:
        _, found = self.of(replace(recipe, scales=(33, 40)))
        assert found.images.isfinite().all()
        assert found.images.shape == (2, 3, 32, 40)

    def test_the_loss_falls_from_there(self, recipe: Recipe) -> None:
        own = load_recipe("wavelet", {"size": 40, "precision": "float32", "evaluations": 12})
        _, found = self.of(replace(own, start="transfer", start_network=recipe.start_network))
        for trace in found.traces:
            assert trace[-1].total < 0.5 * trace[0].total
