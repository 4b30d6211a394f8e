"""Batched L-BFGS on a network's features: what torch's own does alone, pair by pair, as long as rounding lets it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from nst_core.engine.batch import Pairs
from nst_core.engine.features import build_extractor
from nst_core.engine.features.base import Extractor
from nst_core.engine.objective import Objective
from nst_core.engine.optimisation import stylize_batch
from nst_core.engine.optimiser_settings import OptimiserSettings
from nst_core.engine.optimisers import LBFGS
from nst_core.engine.recipe import Recipe
from nst_core.engine.style_targets import style_target
from nst_core.engine.terms import ContentTerm, StyleTerm

REAL_WEIGHTS = Path(__file__).parents[5] / "shared" / "weights" / "squeezenet1_0-imagenet.pth"
PAIRS = 8

RECIPE = Recipe(
    "real",
    ContentTerm((("fire5", 1.0),), loss="relative"),
    StyleTerm((("relu1", 1.0), ("fire3", 1.0), ("fire5", 1.0)), loss="frobenius"),
    features="squeezenet1_0",
    weights="random",
    beta=4.0,
    range_weight=10.0,
    precision="float32",
)


@pytest.fixture(scope="module", params=["random", "imagenet"])
def recipe(request: pytest.FixtureRequest) -> Recipe:
    if request.param == "random":
        return RECIPE
    if not REAL_WEIGHTS.is_file():
        pytest.skip("shared/weights is not there")
    return replace(RECIPE, weights=str(REAL_WEIGHTS))


def picture(seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(1, 3, 6, 6, generator=generator)
    smooth = F.interpolate(coarse, (36, 44), mode="bicubic", align_corners=True)[0]
    return (0.8 * smooth + 0.2 * torch.rand(3, 36, 44, generator=generator)).clamp(0, 1).double()


def problem(recipe: Recipe, extractor: Extractor, rows: range) -> Pairs:
    contents = torch.stack([picture(row) for row in rows])
    return Pairs(contents, [style_target(picture(100 + row), recipe, extractor) for row in rows], list(rows))


def alone(recipe: Recipe, extractor: Extractor, row: int, iterations: int) -> Tensor:
    """torch.optim.LBFGS on one pair: the images after each step, (iterations, 3·H·W)."""
    pair = problem(recipe, extractor, range(row, row + 1))
    objective = Objective(recipe, extractor, pair.contents, pair.targets)
    image = pair.contents.clone().requires_grad_(True)
    optimiser = torch.optim.LBFGS([image], 1.0, 1, history_size=10, tolerance_grad=0, tolerance_change=0)
    path = []

    def closure() -> Tensor:
        optimiser.zero_grad()
        loss = objective.minimised_loss(objective.terms(image), image).sum()
        loss.backward()
        return loss

    for _ in range(iterations):
        optimiser.step(closure)
        path.append(image.detach().flatten().clone())
    return torch.stack(path)


def test_the_first_eight_iterates_are_those_of_torch_alone(recipe: Recipe) -> None:
    extractor = build_extractor(recipe).double()
    pairs = problem(recipe, extractor, range(PAIRS))
    objective = Objective(recipe, extractor, pairs.contents, pairs.targets)
    points, path = pairs.contents.flatten(1), []
    optimiser = LBFGS(points)
    for _ in range(8):
        at = points.detach().view_as(pairs.contents).requires_grad_(True)
        terms = objective.terms(at)
        minimised = objective.minimised_loss(terms, at).sum()
        points = optimiser.step(points, torch.autograd.grad(minimised, at)[0].flatten(1), terms.total.detach())
        path.append(points)
    batched = torch.stack(path)
    for row in range(PAIRS):
        expected = alone(recipe, extractor, row, 8)
        difference = (batched[:, row] - expected).norm(dim=1) / expected.norm(dim=1)
        assert difference.max() < 1e-8, f"pair {row}"


def test_final_losses_are_those_of_torch_alone_to_a_percent(recipe: Recipe) -> None:
    iterations = 40
    recipe = replace(recipe, evaluations=iterations, optimiser=OptimiserSettings("lbfgs"))
    extractor = build_extractor(recipe).double()
    pairs = problem(recipe, extractor, range(PAIRS))
    made = stylize_batch(pairs, recipe, extractor)
    for row in range(PAIRS):
        path = alone(recipe, extractor, row, iterations)
        last = path[-1].view_as(pairs.contents[:1]).clamp(0, 1)
        expected = Objective(recipe, extractor, pairs.contents[row : row + 1], pairs.targets[row : row + 1]).terms(last)
        assert made.traces[row][-1].total == pytest.approx(float(expected.total), rel=0.01), f"pair {row}"
