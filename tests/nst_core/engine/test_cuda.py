"""What only a CUDA device can show: its precisions, its memory, its graphs. `DEVICE` may be set to a CPU by hand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from nst_core.engine.batch import Pairs
from nst_core.engine.devices import set_convolution_precision
from nst_core.engine.evaluation import CudaGraphEvaluation, Evaluation, build_evaluation
from nst_core.engine.losses import gram_matrix
from nst_core.engine.memory import batch_that_fits
from nst_core.engine.objective import Objective
from nst_core.engine.optimiser_settings import OptimiserSettings
from nst_core.engine.parametrisation import build_parametrisation
from nst_core.engine.recipe import Recipe
from nst_core.engine.session import Session
from nst_core.engine.style_targets import style_target
from nst_core.engine.terms import ContentTerm, StyleTerm
from nst_core.engine.watch import Watch

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")

DEVICE = torch.device("cuda", 0)
EVALUATIONS: tuple[Evaluation, ...] = ("eager", "graph")
GRAM_DEVICES = [torch.device("cpu"), DEVICE]
RECIPE = Recipe(
    "test",
    ContentTerm((("fire3", 1.0),), loss="relative"),
    StyleTerm((("relu1", 1.0), ("fire2", 1.0), ("fire4", 1.0)), loss="frobenius"),
    features="squeezenet1_1",
    weights="random",
    pooling="average",  # the backward pass of overlapping maxima adds up in no fixed order
    evaluations=30,
    precision="float32",
)


@pytest.fixture(autouse=True)
def convolutions_as_before() -> Iterator[None]:
    yield
    set_convolution_precision("float32")


def pairs(session: Session, count: int, side: int) -> Pairs:
    """Soft random images as contents and styles."""
    noise = torch.rand(2 * count, 3, side // 8, side // 8, generator=torch.Generator().manual_seed(0))
    images = torch.nn.functional.interpolate(noise, (side, side), mode="bicubic").clamp(0, 1).to(session.device)
    set_convolution_precision(session.recipe.precision)
    targets = [style_target(image, session.recipe, session.extractor) for image in images[count:]]
    return Pairs(images[:count], targets, list(range(count)))


def relative_error(value: Tensor, exact: Tensor) -> float:
    return float((value.double() - exact).norm() / exact.norm())


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last], ids=["contiguous", "channels_last"])
@pytest.mark.parametrize("device", GRAM_DEVICES, ids=str)
def test_gram_matrices_of_bfloat16_maps_are_summed_up_exactly_enough(
    device: torch.device, layout: torch.memory_format
) -> None:
    generator = torch.Generator().manual_seed(0)
    maps = torch.randn(2, 64, 40, 56, generator=generator).relu().bfloat16().to(device, memory_format=layout)
    towards = torch.randn(2, 64, 64, generator=generator).to(device)
    flat = maps.double().flatten(2)
    gram = gram_matrix(maps.requires_grad_(True))
    (gradient,) = torch.autograd.grad((gram * towards).sum(), maps)
    exact = flat @ flat.mT / flat.shape[2]
    exact_gradient = ((towards + towards.mT).double() @ flat / flat.shape[2]).view_as(gradient)
    assert gram.dtype == torch.float32
    assert relative_error(gram.detach(), exact) < 1e-4
    assert gradient.dtype == torch.bfloat16
    assert relative_error(gradient, exact_gradient) < 1e-2


@pytest.fixture(scope="module")
def judged() -> dict[str, float]:
    """Final losses by precision, each judged in float32."""
    judge = Session(RECIPE, DEVICE)
    batch = pairs(judge, 2, 96)
    losses = {}
    for precision in ("float32", "tf32", "bfloat16"):
        session = Session(replace(RECIPE, precision=precision), DEVICE)  # type: ignore[arg-type]
        made = session.stylize(pairs(session, 2, 96), Watch())
        assert not any(made.failed)
        assert all(trace[-1].total < 0.5 * trace[0].total for trace in made.traces), precision
        set_convolution_precision("float32")
        with torch.no_grad():
            terms = Objective(RECIPE, judge.extractor, batch.contents, batch.targets).terms(made.images)
        losses[precision] = float(terms.total.mean())
    return losses


@pytest.mark.parametrize("precision", ["tf32", "bfloat16"])
def test_every_precision_descends_as_far_as_float32(judged: dict[str, float], precision: str) -> None:
    assert judged[precision] == pytest.approx(judged["float32"], rel=0.02)


@pytest.fixture
def little_memory() -> Iterator[None]:
    """As much memory as three pairs take of 512 × 512 pixels, beside what is taken already."""
    session = Session(RECIPE, DEVICE)
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats(DEVICE)
    before = torch.cuda.memory_reserved(DEVICE)
    session.stylize(pairs(session, 1, 512), Watch())
    one = torch.cuda.max_memory_reserved(DEVICE) - before
    share = (before + 3 * one) / torch.cuda.get_device_properties(DEVICE).total_memory
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(share, DEVICE)
    yield
    torch.cuda.set_per_process_memory_fraction(1.0, DEVICE)
    torch.cuda.empty_cache()


@pytest.mark.usefixtures("little_memory")
def test_a_batch_that_does_not_fit_is_made_in_parts() -> None:
    session = Session(RECIPE, DEVICE)
    made = session.stylize(pairs(session, 16, 512), Watch())
    (most,) = session._batch_limits.values()
    assert 1 <= most < 16
    assert made.images.shape == (16, 3, 512, 512)
    assert all(trace[-1].total < trace[0].total for trace in made.traces)


def test_a_batch_said_to_fit_does() -> None:
    session = Session(replace(RECIPE, precision="bfloat16"), DEVICE)
    batch = batch_that_fits(session.recipe, session.extractor, DEVICE, 256, most=16)
    made = session.stylize(pairs(session, batch, 256), Watch())
    assert len(made.images) == batch
    assert session._batch_limits == {}, "it had to be parted"


@pytest.mark.parametrize("number", range(torch.cuda.device_count()))
def test_a_captured_evaluation_gives_the_same_bits_on_every_device(number: int) -> None:
    session = Session(replace(RECIPE, precision="bfloat16"), torch.device("cuda", number))
    batch = pairs(session, 2, 64)
    objective = Objective(session.recipe, session.extractor, batch.contents, batch.targets)
    parametrisation = build_parametrisation(RECIPE.optimiser, batch.contents, 3)
    eager = build_evaluation(objective, parametrisation, "eager")
    captured = build_evaluation(objective, parametrisation, "graph")
    assert isinstance(captured, CudaGraphEvaluation)
    moves = torch.randn(parametrisation.points().shape, generator=torch.Generator().manual_seed(1)).to(session.device)
    for size in (0.0, 0.01, 0.1):
        points = parametrisation.points() + size * moves
        for expected, value in zip(eager(points), captured(points), strict=True):
            assert torch.equal(expected, value)


@pytest.mark.parametrize("optimiser", ["lbfgs", "adam"])
def test_a_schedule_of_captured_evaluations_gives_the_bits_of_eager_ones(optimiser: str) -> None:
    """Each scale has a graph of its own."""
    settings = OptimiserSettings(optimiser, 1.0 if optimiser == "lbfgs" else 0.02, carry=True)
    recipe = replace(RECIPE, scales=(45, 64), size=64, evaluations=(8, 6), optimiser=settings, average=0.5)
    session = Session(recipe, DEVICE)
    batch = pairs(session, 2, 64)
    eager, captured = (session.stylize(batch, Watch(), each) for each in EVALUATIONS)
    assert torch.equal(eager.images, captured.images)
    assert eager.traces == captured.traces
