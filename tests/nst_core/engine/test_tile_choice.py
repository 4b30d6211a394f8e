"""Whether and how pictures are tiled in a session: by what the run file says, or by the memory that there is."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
import torch

from nst_core.engine import session as session_module
from nst_core.engine.batch import Pairs, StylizedBatch
from nst_core.engine.features import Extractor, build_extractor
from nst_core.engine.method_session import OutOfMemory
from nst_core.engine.optimisation import stylize_batch
from nst_core.engine.recipe import Recipe
from nst_core.engine.regions import Regions
from nst_core.engine.session import Session
from nst_core.engine.stages import Network
from nst_core.engine.style_targets import regional_target
from nst_core.engine.terms import ContentTerm, StyleTerm
from nst_core.engine.tiling import choice
from nst_core.engine.tiling.extractor import TiledExtractor
from nst_core.engine.tiling.settings import Tiling
from nst_core.engine.watch import Watch

CPU = torch.device("cpu")
RECIPE = Recipe(
    "test",
    ContentTerm((("fire5", 1.0),), loss="relative"),
    StyleTerm((("relu1", 1.0), ("fire2", 0.5), ("fire5", 2.0)), loss="frobenius"),
    features="squeezenet1_1",
    weights="random",
    evaluations=4,
    precision="float32",
)


def batch(session: Session, count: int = 2) -> Pairs:
    images = torch.rand(2 * count, 3, 75, 101, generator=torch.Generator().manual_seed(0))
    return Pairs(images[:count], [session.style_target(image) for image in images[count:]], list(range(count)))


def test_a_batch_in_tiles_is_that_of_whole_pictures_image_by_image() -> None:
    whole, tiled = Session(RECIPE, CPU), Session(RECIPE, CPU, Tiling(64))
    one, other = (session.stylize(batch(session), Watch()) for session in (whole, tiled))
    torch.testing.assert_close(other.images, one.images, atol=1e-4, rtol=0)
    for trace, of_tiles in zip(one.traces, other.traces, strict=True):
        assert of_tiles[-1].total == pytest.approx(trace[-1].total, rel=1e-4)


def test_only_the_scales_that_are_too_large_are_tiled() -> None:
    recipe = replace(RECIPE, size=101, scales=(50, 101), evaluations=(3, 3))
    sides: list[tuple[int, bool]] = []
    session = Session(recipe, CPU, Tiling(64))
    pick = session._tiles[None].extractor

    def noted(network: Network | None, height: int, width: int) -> Extractor:
        assert network is None
        found = pick(height, width)
        sides.append((width, isinstance(found, TiledExtractor)))
        return found

    stylize_batch(batch(session), recipe, session.extractor, None, "eager", noted)
    assert sides == [(50, False), (101, True)]


def test_tiles_are_chosen_where_the_picture_does_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "available_bytes", lambda _device, memory: memory)
    extractor = build_extractor(RECIPE)
    small, large = (choice.TileChoice(RECIPE, extractor, CPU, Tiling("auto", n * 2**30)) for n in (2, 64))
    side = small.side(2048, 2048)
    assert side is not None
    assert 128 <= side <= 1024
    assert large.side(2048, 2048) is None
    assert choice.TileChoice(RECIPE, extractor, CPU, Tiling("none", 1)).side(2048, 2048) is None


def test_too_little_memory_is_said_once_with_the_need(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(choice, "available_bytes", lambda _device, memory: memory)
    tiles = choice.TileChoice(RECIPE, build_extractor(RECIPE), CPU, Tiling("auto", 2**28))
    assert [tiles.side(4096, 4096), tiles.side(4096, 4096)] == [choice.LEAST_TILE] * 2
    (said,) = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert re.search(r"4096 × 4096 pixels need about \d+\.\d GiB even in tiles of 128, .* 0\.2 GiB", said)
    assert "method.optimiser.history" in said


def test_losses_that_need_whole_maps_are_named(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    monkeypatch.setattr(choice, "available_bytes", lambda _device, memory: memory)
    recipe = replace(RECIPE, style=StyleTerm((("fire2", 1.0),), loss="mrf"))
    choice.TileChoice(recipe, build_extractor(recipe), CPU, Tiling("auto", 2**31)).side(2048, 2048)
    assert caplog.messages[-1].endswith("; the maps that mrf compares are whole all the same.")


def test_pictures_with_regions_are_never_tiled() -> None:
    session = Session(RECIPE, CPU, Tiling(64))
    plain = batch(session, 1)
    half = torch.zeros(1, 75, 101)
    half[:, :, :50] = 1
    regions = Regions(half, torch.zeros(75, 101))
    pairs = replace(plain, targets=[regional_target(regions, [plain.targets[0]])])
    whole = Session(RECIPE, CPU, Tiling("none"))
    torch.testing.assert_close(session.stylize(pairs, Watch()).images, whole.stylize(pairs, Watch()).images)


def test_memory_that_runs_out_makes_tiles_smaller_and_then_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    session = Session(RECIPE, CPU)
    pairs = Pairs(torch.rand(1, 3, 300, 280), [session.style_target(torch.rand(3, 64, 64))], [0])
    tried: list[int | None] = []

    def runs_out(*arguments: object) -> StylizedBatch:
        tried.append(session._tiles[None].side(300, 280))
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(session_module, "stylize_batch", runs_out)
    with pytest.raises(OutOfMemory, match="history"):
        session.stylize(pairs, Watch())
    assert tried == [None, 288, 128]
