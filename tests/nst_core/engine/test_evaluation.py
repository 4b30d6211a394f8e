"""Eager, compiled and captured evaluations give the same numbers; what does not work falls back, and says so."""

from __future__ import annotations

import logging
import shutil

import pytest
import torch
from torch import Tensor

from nst_core.engine import evaluation as module
from nst_core.engine.evaluation import build_evaluation
from nst_core.engine.features import build_extractor
from nst_core.engine.objective import Objective
from nst_core.engine.parametrisation import Spectral
from nst_core.engine.recipe import Recipe
from nst_core.engine.style_targets import style_target
from nst_core.engine.terms import ContentTerm, StyleTerm

RECIPE = Recipe(
    "small",
    ContentTerm((("fire3", 1.0),), loss="relative"),
    StyleTerm((("relu1", 1.0), ("fire2", 1.0)), loss="frobenius"),
    features="squeezenet1_1",
    weights="random",
    range_weight=10.0,
    precision="float32",
)


def problem() -> tuple[Objective, Spectral, Tensor]:
    generator = torch.Generator().manual_seed(0)
    contents, style = (torch.rand(2, 3, 40, 48, generator=generator) for _ in range(2))
    extractor = build_extractor(RECIPE)
    objective = Objective(RECIPE, extractor, contents, [style_target(image, RECIPE, extractor) for image in style])
    parametrisation = Spectral(contents)
    points = 0.05 * torch.randn(parametrisation.points().shape, generator=generator)
    return objective, parametrisation, points


def test_losses_and_gradients_are_those_of_the_objective() -> None:
    objective, parametrisation, points = problem()
    losses, gradients = build_evaluation(objective, parametrisation, "eager")(points)
    at = points.clone().requires_grad_(True)
    images = parametrisation.image(at)
    terms = objective.terms(images)
    (expected,) = torch.autograd.grad(objective.minimised_loss(terms, images).sum(), at)
    assert torch.equal(losses, terms.stacked().detach())
    assert torch.equal(gradients, expected)
    assert not losses.requires_grad


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler")
def test_a_compiled_evaluation_agrees_with_the_eager_one(caplog: pytest.LogCaptureFixture) -> None:
    objective, parametrisation, points = problem()
    eager, compiled = (build_evaluation(objective, parametrisation, how) for how in ("eager", "compile"))
    assert not [record for record in caplog.records if record.name == module.__name__], "it fell back"
    for expected, value in zip(eager(points), compiled(points), strict=True):
        torch.testing.assert_close(value, expected, rtol=1e-4, atol=1e-6)


def test_what_cannot_be_compiled_is_evaluated_eagerly(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_args: object, **_settings: object) -> None:
        raise RuntimeError("no compiler")

    monkeypatch.setattr(torch, "compile", broken)
    objective, parametrisation, points = problem()
    with caplog.at_level(logging.WARNING):
        evaluate = build_evaluation(objective, parametrisation, "compile")
    assert "torch.compile does not work here (RuntimeError: no compiler)" in caplog.text
    assert torch.equal(evaluate(points)[1], build_evaluation(objective, parametrisation, "eager")(points)[1])


def test_running_out_of_memory_is_no_reason_to_fall_back(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_args: object, **_settings: object) -> None:
        raise torch.OutOfMemoryError("out of memory")

    monkeypatch.setattr(torch, "compile", full)
    objective, parametrisation, _ = problem()
    with pytest.raises(torch.OutOfMemoryError):
        build_evaluation(objective, parametrisation, "compile")


def test_a_graph_is_for_cuda_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(module, "CudaGraphEvaluation")
    objective, parametrisation, points = problem()
    assert build_evaluation(objective, parametrisation, "graph")(points)[0].isfinite().all()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_captured_evaluation_gives_the_same_bits() -> None:
    objective, _, points = problem()
    device = torch.device("cuda")
    on_gpu = Objective(
        RECIPE,
        objective.extractor.to(device),
        objective.contents.to(device),
        [style_target(image.to(device), RECIPE, objective.extractor) for image in objective.contents.flip(0)],
    )
    eager, captured = (build_evaluation(on_gpu, Spectral(on_gpu.contents), how) for how in ("eager", "graph"))
    for factor in (1.0, 2.0, 0.5):
        expected, value = eager(factor * points.to(device)), captured(factor * points.to(device))
        assert torch.equal(expected[0], value[0])
        assert torch.equal(expected[1], value[1])
