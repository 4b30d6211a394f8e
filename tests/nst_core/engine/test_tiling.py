"""Pictures in tiles: the loss and the gradient of the whole picture, to rounding, for every network and loss."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from nst_core.engine.batch import Pairs
from nst_core.engine.features import Extractor, build_extractor
from nst_core.engine.features.geometry import Reach, Window
from nst_core.engine.objective import Objective
from nst_core.engine.optimisation import stylize_batch
from nst_core.engine.recipe import Recipe
from nst_core.engine.style_losses import transport_loss
from nst_core.engine.style_targets import style_target
from nst_core.engine.terms import ContentTerm, StyleTerm
from nst_core.engine.tiling.extractor import TiledExtractor
from nst_core.engine.tiling.grid import tiles
from nst_core.engine.tiling.objective import build_objective
from nst_core.recipes import load_recipe

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


@pytest.fixture(autouse=True)
def few_places(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sets of vectors are small, or distances between them would take most of the time."""
    monkeypatch.setattr(transport_loss, "PLACES", 64)
    monkeypatch.setattr(transport_loss, "STYLE_PLACES", 100)


def seam(recipe: Recipe, extractor: Extractor, shape: tuple[int, int], tile: int) -> tuple[float, float, float]:
    """The largest relative differences of losses, gradients and `scale` between a batch in tiles and as a whole."""
    generator = torch.Generator().manual_seed(0)
    dtype = next(iter((*extractor.parameters(), *extractor.buffers()))).dtype
    contents, styles, images = (torch.rand(2, 3, *shape, generator=generator, dtype=dtype) for _ in range(3))
    found = []
    for how in (extractor, TiledExtractor(extractor, tile)):
        pairs = zip(styles, contents, strict=True)
        targets = [style_target(style[:, 3:], recipe, how, content) for style, content in pairs]
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


@pytest.mark.parametrize("loss", ["gatys", "moments", "mmd", "sliced", "histogram", "mrf", "neighbours", "transport"])
@pytest.mark.parametrize("strength", [0.2, 0.8])
def test_strengths(exact: Extractor, loss: str, strength: float) -> None:
    positions = 50 if loss in ("mmd", "sliced") else None
    style = StyleTerm(LAYERS[1:], loss=loss, positions=positions)  # type: ignore[arg-type]
    assert max(seam(replace(RECIPE, style=style, strength=strength), exact, (75, 64), 40)) < 1e-9


def test_gains_from_the_style(exact: Extractor) -> None:
    gains = ContentTerm((("fire2", 1.0), ("fire5", 0.5)), gains=True)
    assert max(seam(replace(RECIPE, content=gains), exact, (75, 64), 40)) < 1e-9


@pytest.mark.parametrize(
    ("features", "content", "style"),
    [
        ("wavelet", "luminance2", "second1"),
        ("slim", "relu3_1", "relu4_1"),
        pytest.param("vgg16", "relu4_2", "relu1_1", marks=pytest.mark.slow),
        pytest.param("squeezenet1_0", "fire5", "fire8", marks=pytest.mark.slow),
    ],
)
def test_every_kind_of_network(features: str, content: str, style: str) -> None:
    recipe = replace(
        RECIPE, features=features, content=ContentTerm(((content, 1.0),)), style=StyleTerm(((style, 1.0),), loss="mean")
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


SEAM_AFTER = 8
"""Evaluations after which pictures are compared."""


def difference_after(recipe: Recipe, strengths: list[float] | None = None, dtype: torch.dtype = torch.float64) -> float:
    """The largest difference between the pictures of a recipe in tiles of 64 pixels and as a whole, in [0, 1].

    In float64 by default: over several evaluations L-BFGS enlarges what float32 rounds differently.
    """
    extractor = build_extractor(recipe).to(dtype)
    generator = torch.Generator().manual_seed(0)
    content, style = (torch.rand(3, *shape, generator=generator).to(dtype) for shape in ((112, 88), (96, 120)))
    pictures = []
    for how in (extractor, TiledExtractor(extractor, 64)):
        pairs = Pairs(content[None], [style_target(style, recipe, how, content)], [0], strengths=strengths)
        pictures.append(stylize_batch(pairs, recipe, extractor, extractor_of=lambda *_, how=how: how).images)  # type: ignore[misc]
    return float((pictures[0] - pictures[1]).abs().max())


@pytest.mark.parametrize("strengths", [None, [0.3]])
def test_pictures_in_tiles_are_those_of_the_whole(strengths: list[float] | None) -> None:
    recipe = load_recipe("wavelet", {"evaluations": SEAM_AFTER, "size": 112})
    assert difference_after(recipe, strengths) < 1e-9
    assert difference_after(recipe, strengths, torch.float32) < 1e-4


@pytest.mark.slow
@pytest.mark.parametrize("name", ["fast", "gatys2016"])
def test_pictures_of_a_recipe_in_tiles_are_those_of_the_whole(name: str) -> None:
    recipe = load_recipe(name, {"evaluations": SEAM_AFTER, "size": 112, "precision": "float32"})
    assert difference_after(recipe) < 1e-9
    assert difference_after(replace(recipe, evaluations=1), dtype=torch.float32) < 1e-4
