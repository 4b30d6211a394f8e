"""Pictures in tiles: the loss and the gradient of the whole picture, to rounding, for every network and loss."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from nst_core.engine import session as session_module
from nst_core.engine.batch import Pairs, StylizedBatch
from nst_core.engine.features import Extractor, build_extractor
from nst_core.engine.features.geometry import Reach, Window
from nst_core.engine.objective import Objective
from nst_core.engine.optimisation import stylize_batch
from nst_core.engine.recipe import ContentTerm, Recipe, StyleTerm
from nst_core.engine.session import OutOfMemory, Session
from nst_core.engine.style_targets import style_target
from nst_core.engine.tiling import choice
from nst_core.engine.tiling.extractor import TiledExtractor
from nst_core.engine.tiling.grid import tiles
from nst_core.engine.tiling.objective import build_objective
from nst_core.engine.tiling.settings import Tiling
from nst_core.engine.watch import Watch

CPU = torch.device("cpu")
LAYERS = (("relu1", 1.0), ("fire2", 0.5), ("fire5", 2.0))
RECIPE = Recipe(
    "test",
    ContentTerm((("fire5", 1.0),), loss="relative"),
    StyleTerm(LAYERS, loss="frobenius"),
    features="squeezenet1_1",
    weights="random",
    tv_weight=0.1,
    range_weight=10.0,
    evaluations=12,
    precision="float32",
)
CONTENT_LOSSES = ("half_sum", "half_sum_by_size", "half_mean", "sum", "mean", "relative", "scaled", "self_similarity")
STYLE_LOSSES = (
    "gatys", "half_sum", "relative", "scaled", "moments", "moments_relative", "mmd", "sliced", "histogram", "mrf",
    "neighbours", "split_neighbours", "transport",
)  # fmt: skip


def seam(recipe: Recipe, extractor: Extractor, shape: tuple[int, int], tile: int) -> tuple[float, float, float]:
    """The largest relative differences of losses, gradients and `scale` between a batch in tiles and as a whole."""
    generator = torch.Generator().manual_seed(0)
    dtype = next(iter((*extractor.parameters(), *extractor.buffers()))).dtype
    contents, styles, images = (torch.rand(2, 3, *shape, generator=generator, dtype=dtype) for _ in range(3))
    found = []
    for how in (extractor, TiledExtractor(extractor, tile)):
        targets = [style_target(style[:, 3:], recipe, how, contents[0]) for style in styles]
        objective = build_objective(recipe, how, contents, targets, None, None, [3, 4])
        objective.begin(contents)
        objective.draw(1)
        found.append((*evaluated(objective, images), objective.scale()))
    (losses, gradients, scale), (tiled_losses, tiled_gradients, tiled_scale) = found
    return (
        float(((losses - tiled_losses).abs() / losses.abs().clamp_min(1e-12)).max()),
        float((gradients - tiled_gradients).norm() / gradients.norm()),
        float(((scale - tiled_scale).abs() / scale.abs()).max()),
    )


def evaluated(objective: Objective, images: Tensor) -> tuple[Tensor, Tensor]:
    images = images.clone().requires_grad_(True)
    terms = objective.terms(images)
    (gradients,) = torch.autograd.grad(objective.minimised_loss(terms, images).sum(), images)
    return terms.stacked().detach(), gradients


@pytest.fixture(scope="module")
def exact() -> Extractor:
    return build_extractor(RECIPE).double()


@pytest.mark.parametrize(("shape", "tile"), [((96, 96), 48), ((101, 75), 40), ((64, 131), 56), ((97, 33), 64)])
def test_there_is_no_seam(exact: Extractor, shape: tuple[int, int], tile: int) -> None:
    assert max(seam(RECIPE, exact, shape, tile)) < 1e-9


@pytest.mark.parametrize("loss", CONTENT_LOSSES)
def test_every_content_loss(exact: Extractor, loss: str) -> None:
    content = ContentTerm((("fire2", 1.0), ("fire5", 0.5)), loss=loss)  # type: ignore[arg-type]
    assert max(seam(replace(RECIPE, content=content), exact, (75, 64), 40)) < 1e-9


@pytest.mark.parametrize("loss", STYLE_LOSSES)
def test_every_style_loss(exact: Extractor, loss: str) -> None:
    positions = 50 if loss in ("mmd", "sliced") else None
    style = StyleTerm(LAYERS, loss=loss, positions=positions)  # type: ignore[arg-type]
    assert max(seam(replace(RECIPE, style=style), exact, (75, 64), 40)) < 1e-9


def test_grey_content_and_losses_beside_one_another(exact: Extractor) -> None:
    style = StyleTerm(LAYERS, beside=(StyleTerm((("fire2", 1.0),), loss="moments"),))
    grey = ContentTerm((("fire5", 1.0),), colours="grey", laplacian=1.0)
    assert max(seam(replace(RECIPE, style=style, content=grey), exact, (75, 64), 40)) < 1e-9


@pytest.mark.parametrize(
    ("features", "content", "style"),
    [("wavelet", "luminance2", "second1"), ("vgg16", "relu4_2", "relu1_1"), ("squeezenet1_0", "fire5", "fire8")],
)
def test_every_kind_of_network(features: str, content: str, style: str) -> None:
    recipe = replace(
        RECIPE, features=features, content=ContentTerm(((content, 1.0),)), style=StyleTerm(((style, 1.0),))
    )
    assert max(seam(recipe, build_extractor(recipe).double(), (107, 82), 72)) < 1e-9


def test_float32_is_equal_to_rounding() -> None:
    assert max(seam(RECIPE, build_extractor(RECIPE), (101, 75), 40)) < 1e-4


@pytest.mark.parametrize("side", range(17, 90, 7))
def test_every_position_is_one_tiles_own(side: int) -> None:
    reaches = {"shallow": Reach((Window(3, 2),)), "deep": Reach((Window(3, 2), Window(3, 1, 1), Window(3, 2)))}
    counts = {name: torch.zeros(reach.side(side), reach.side(50)) for name, reach in reaches.items()}
    for tile in tiles(side, 50, 24, reaches):
        for name, place in tile.places.items():
            assert counts[name][place.whole].numel() == place.count > 0
            counts[name][place.whole] += 1
    assert all(bool((count == 1).all()) for count in counts.values())


def batch(session: Session, count: int = 2) -> Pairs:
    images = torch.rand(2 * count, 3, 75, 101, generator=torch.Generator().manual_seed(0))
    return Pairs(images[:count], [session.style_target(image) for image in images[count:]], list(range(count)))


def test_a_whole_run_in_tiles_is_that_of_the_whole_picture_image_by_image() -> None:
    whole, tiled = Session(RECIPE, CPU), Session(RECIPE, CPU, Tiling(64))
    one, other = (session.stylize(batch(session), Watch()) for session in (whole, tiled))
    torch.testing.assert_close(other.images, one.images, atol=1e-4, rtol=0)
    for trace, of_tiles in zip(one.traces, other.traces, strict=True):
        assert of_tiles[-1].total == pytest.approx(trace[-1].total, rel=1e-4)


def test_only_the_scales_that_are_too_large_are_tiled() -> None:
    recipe = replace(RECIPE, size=101, scales=(50, 101), evaluations=(3, 3))
    sides: list[tuple[int, bool]] = []
    session = Session(recipe, CPU, Tiling(64))
    pick = session._tiles.extractor

    def noted(height: int, width: int) -> Extractor:
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


def test_memory_that_runs_out_makes_tiles_smaller_and_then_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    session = Session(RECIPE, CPU)
    pairs = Pairs(torch.rand(1, 3, 300, 280), [session.style_target(torch.rand(3, 64, 64))], [0])
    tried: list[int | None] = []

    def runs_out(*arguments: object) -> StylizedBatch:
        tried.append(session._tiles.side(300, 280))
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(session_module, "stylize_batch", runs_out)
    with pytest.raises(OutOfMemory, match="history"):
        session.stylize(pairs, Watch())
    assert tried == [None, 288, 128]
