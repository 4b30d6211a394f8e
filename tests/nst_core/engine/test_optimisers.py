"""Batched optimisers: each row moves as torch's own optimiser would move it alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor

from nst_core.engine.optimiser_settings import OptimiserSettings
from nst_core.engine.optimisers import LBFGS, Adam, BatchOptimiser, GradientDescent, RMSprop, build_optimiser

Problem = Callable[[Tensor], Tensor]
SIZE = 6


def rosenbrock(x: Tensor) -> Tensor:
    return (100 * (x[1:] - x[:-1].square()).square() + (1 - x[:-1]).square()).sum()


def quadratic(seed: int) -> Problem:
    generator = torch.Generator().manual_seed(seed)
    basis = torch.linalg.qr(torch.randn(SIZE, SIZE, generator=generator, dtype=torch.float64)).Q
    hessian = basis @ torch.diag(torch.linspace(0.3, 1.7, SIZE, dtype=torch.float64)) @ basis.T
    return lambda x: (x - 1) @ hessian @ (x - 1) / 2


def softplus_network(seed: int) -> Problem:
    generator = torch.Generator().manual_seed(seed)
    inputs, inner = (torch.randn(n, SIZE, generator=generator, dtype=torch.float64) for n in (12, 8))

    def loss(x: Tensor) -> Tensor:
        hidden = torch.nn.functional.softplus(inputs * x @ inner.T)
        return (hidden.mean(dim=1) - 1).square().mean() + 0.01 * x.square().sum()

    return loss


def concave_then_convex(x: Tensor) -> Tensor:
    """Negative curvature around 0, where pairs must be skipped."""
    return (0.1 * x.square().square() - 0.3 * x.square()).sum()


LIFT = 1e9
"""Added to the losses, which must not be negative: so much that none is ever `OVERSHOOT` times another."""


def start(seed: int, scale: float = 1.0) -> Tensor:
    return scale * torch.randn(SIZE, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


EIGHT: list[tuple[Problem, Tensor]] = [
    (quadratic(0), start(0)),
    (quadratic(1), start(1)),
    (quadratic(2), start(2, 10.0)),
    (rosenbrock, 1 + start(3, 0.05)),
    (rosenbrock, 1 + start(4, 0.02)),
    (softplus_network(1), start(5)),
    (softplus_network(2), start(6)),
    (concave_then_convex, start(7, 0.01)),
]


def gradient(problem: Problem, point: Tensor) -> Tensor:
    point = point.detach().requires_grad_(True)
    return torch.autograd.grad(problem(point), point)[0]


def run_batch(optimiser: BatchOptimiser, problems: Sequence[Problem], points: Tensor, iterations: int) -> Tensor:
    """Points after each step, (iterations, B, P)."""
    path = []
    for _ in range(iterations):
        gradients = torch.stack([gradient(f, x) for f, x in zip(problems, points, strict=True)])
        losses = torch.stack([f(x) for f, x in zip(problems, points, strict=True)])
        points = optimiser.step(points, gradients, losses + LIFT)
        path.append(points)
    return torch.stack(path)


def run_torch(optimiser_class: type, problem: Problem, point: Tensor, iterations: int, **settings: float) -> Tensor:
    """The same with one of torch's optimisers, on one problem, (iterations, P)."""
    x = point.clone().requires_grad_(True)
    optimiser = optimiser_class([x], **settings)

    def closure() -> Tensor:
        optimiser.zero_grad()
        loss = problem(x)
        loss.backward()
        return loss

    path = []
    for _ in range(iterations):
        optimiser.step(closure)
        path.append(x.detach().clone())
    return torch.stack(path)


def run_torch_lbfgs(problem: Problem, point: Tensor, iterations: int, history: int) -> Tensor:
    none = {"tolerance_grad": 0.0, "tolerance_change": 0.0}
    return run_torch(torch.optim.LBFGS, problem, point, iterations, lr=1, max_iter=1, history_size=history, **none)


def relative_difference(path: Tensor, expected: Tensor) -> float:
    return float(((path - expected).norm(dim=-1) / expected.norm(dim=-1).clamp_min(1e-12)).max())


SETTINGS = [
    OptimiserSettings("lbfgs"),
    OptimiserSettings("adam", learning_rate=0.05),
    OptimiserSettings("rmsprop", learning_rate=0.01),
    OptimiserSettings("gradient_descent", learning_rate=1e-4),
    OptimiserSettings("gradient_descent", learning_rate=1e-3, rate="first_step"),
    OptimiserSettings("gradient_descent", learning_rate=1e-3, rate="adaptive"),
]
either = pytest.mark.parametrize("settings", SETTINGS, ids=lambda settings: f"{settings.name}-{settings.rate}")

PROBLEMS, STARTS = [problem for problem, _ in EIGHT], torch.stack([point for _, point in EIGHT])


@pytest.mark.parametrize("history", [2, 10, 100])
def test_every_row_makes_the_iterates_of_torch_lbfgs_alone(history: int) -> None:
    paths = run_batch(LBFGS(STARTS, 1.0, history), PROBLEMS, STARTS, 60)
    for row, (problem, point) in enumerate(EIGHT):
        alone = run_torch_lbfgs(problem, point, 60, history)
        assert relative_difference(paths[:, row], alone) < 1e-8, f"problem {row}"


def test_the_problems_above_do_not_amplify_rounding() -> None:
    """Else torch would part ways with itself, and the comparison would mean nothing."""
    for row, (problem, point) in enumerate(EIGHT):
        noise = 1 + 1e-15 * start(100 + row)
        alone, nearly = (run_torch_lbfgs(problem, x, 60, 10) for x in (point, point * noise))
        assert relative_difference(nearly, alone) < 1e-9, f"problem {row}"


def test_a_step_without_positive_curvature_is_not_remembered() -> None:
    optimiser = LBFGS(STARTS)
    run_batch(optimiser, PROBLEMS, STARTS, 12)
    concave, convex = optimiser.count[7], optimiser.count[0]
    assert 0 < concave < 11
    assert convex == 11  # one fewer than steps: the first has no pair


@either
def test_neighbours_in_a_batch_do_not_influence_each_other(settings: OptimiserSettings) -> None:
    other_problems = [*PROBLEMS[:3], *reversed(PROBLEMS[3:])]
    others = torch.cat([STARTS[:3], 2 * STARTS[3:] + 1])
    paths = run_batch(build_optimiser(settings, STARTS), PROBLEMS, STARTS, 40)
    among_others = run_batch(build_optimiser(settings, others), other_problems, others, 40)
    assert torch.equal(paths[:, :3], among_others[:, :3])


@either
@pytest.mark.parametrize("poison", [float("nan"), float("inf"), 1e300])
def test_a_row_that_is_not_finite_harms_no_other(settings: OptimiserSettings, poison: float) -> None:
    poisoned = STARTS.clone()
    poisoned[4] = poison
    rest = [0, 1, 2, 3, 5, 6, 7]
    paths = run_batch(build_optimiser(settings, STARTS), PROBLEMS, STARTS, 30)
    beside = run_batch(build_optimiser(settings, poisoned), PROBLEMS, poisoned, 30)
    assert torch.equal(paths[:, rest], beside[:, rest])
    assert not beside[-1, 4].isfinite().all() or poison == 1e300


@either
def test_reset_makes_exactly_those_rows_start_afresh(settings: OptimiserSettings) -> None:
    optimiser = build_optimiser(settings, STARTS)
    points = run_batch(optimiser, PROBLEMS, STARTS, 15)[-1]
    rows = torch.tensor([True, False, False, True, False, True, False, False])
    optimiser.reset(rows, rate_factor=1.0)
    after = run_batch(optimiser, PROBLEMS, points, 15)
    afresh = run_batch(build_optimiser(settings, points), PROBLEMS, points, 15)
    undisturbed = run_batch(build_optimiser(settings, STARTS), PROBLEMS, STARTS, 30)[15:]
    assert torch.equal(after[:, rows], afresh[:, rows])
    assert torch.equal(after[:, ~rows], undisturbed[:, ~rows])
    if settings.rate != "absolute" or settings.name != "gradient_descent":  # it has nothing to forget
        assert not torch.equal(afresh[:, ~rows], undisturbed[:, ~rows])


def test_every_row_makes_the_iterates_of_torch_rmsprop_alone() -> None:
    paths = run_batch(RMSprop(STARTS, 0.02), PROBLEMS, STARTS, 60)
    for row, (problem, point) in enumerate(EIGHT):
        alone = run_torch(torch.optim.RMSprop, problem, point, 60, lr=0.02)
        assert relative_difference(paths[:, row], alone) < 1e-8, f"problem {row}"


def test_the_moments_of_adam_are_carried_to_another_size_with_the_number_of_steps() -> None:
    gradients = torch.randn(3, 2, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    points, losses = torch.zeros(2, 4, dtype=torch.float64), torch.ones(2)
    optimiser = Adam(points, 0.1)
    for gradient_now in gradients[:2]:
        points = optimiser.step(points, gradient_now, losses)

    def wide(moments: Tensor, mode: str) -> Tensor:
        return moments.repeat_interleave(2, dim=1) + (1 if mode == "bicubic" else 0)

    carried = optimiser.resampled(wide)
    next_points = carried.step(torch.zeros(2, 8, dtype=torch.float64), wide(gradients[2], "bilinear"), losses)
    one, two, three = gradients
    mean = 0.9 * wide(0.1 * (0.9 * one + two), "bicubic") + 0.1 * wide(three, "bilinear")
    variance = wide(0.001 * (0.999**2 * one**2 + 0.999 * two**2 + three**2), "bilinear")
    expected = -0.1 * (mean / (1 - 0.9**3)) / ((variance / (1 - 0.999**3)).sqrt() + 1e-8)
    torch.testing.assert_close(next_points, expected)
    assert optimiser.mean.shape == (2, 4), "the old one is left as it was"


@pytest.mark.parametrize("kind", [Adam, RMSprop])
def test_a_carried_variance_is_never_negative(kind: type[Adam] | type[RMSprop]) -> None:
    optimiser = kind(STARTS, 0.1)
    run_batch(optimiser, PROBLEMS, STARTS, 3)
    assert (optimiser.resampled(lambda moments, _: -moments).variance == 0).all()


@pytest.mark.parametrize("name", ["lbfgs", "gradient_descent"])
def test_curvature_and_rates_are_not_carried(name: str) -> None:
    optimiser = build_optimiser(OptimiserSettings(name), STARTS)
    assert optimiser.resampled(lambda moments, _: moments) is None


def cliff(x: Tensor) -> Tensor:
    """A valley between walls so steep that a step too far lands at a loss of many times what it was."""
    return (torch.arange(1, SIZE + 1) * x.square() + 1e-3 * x.pow(8)).sum()


def test_a_step_that_went_too_far_is_taken_back_and_its_curvature_forgotten() -> None:
    points = torch.stack([start(1), start(2)])
    optimiser, losses, kept = LBFGS(points), [], []
    for number in range(25):
        losses.append(torch.stack([cliff(x) for x in points]))
        gradients = torch.stack([gradient(cliff, x) for x in points])
        moved = optimiser.step(points, gradients, losses[-1])
        kept.append(optimiser.count.clone())
        if number == 3:  # what a bad scale of the inverse Hessian does
            optimiser.moved[0] *= 1e3
            moved = points + optimiser.moved
        points = moved
    assert losses[4][0] > 4 * losses[3][0]
    assert kept[4].tolist() == [3, 4]  # while it overshoots, no pair is kept
    assert losses[-1][0] < 1e-6 * losses[3][0]
    undisturbed = run_batch(LBFGS(points[1:]), [cliff], start(2)[None], 25)[-1, 0]
    torch.testing.assert_close(points[1], undisturbed, rtol=1e-9, atol=1e-9)


@either
def test_a_row_recovers_from_nan_once_it_is_reset(settings: OptimiserSettings) -> None:
    points = STARTS[:2]
    optimiser = build_optimiser(settings, points)
    for _ in range(5):
        optimiser.step(points, torch.full_like(points, torch.nan), torch.full((2,), torch.nan))
    optimiser.reset(torch.tensor([True, True]), rate_factor=1.0)
    after = run_batch(optimiser, PROBLEMS[:2], points, 15)
    assert torch.equal(after, run_batch(build_optimiser(settings, points), PROBLEMS[:2], points, 15))


@either
def test_reset_multiplies_the_rate_of_those_rows_by_the_factor(settings: OptimiserSettings) -> None:
    optimiser = build_optimiser(settings, STARTS[:2])
    optimiser.reset(torch.tensor([False, True]), rate_factor=0.25)
    bold, cautious = optimiser.step(torch.zeros_like(STARTS[:2]), STARTS[0].expand(2, SIZE), torch.ones(2))
    torch.testing.assert_close(cautious, bold / 4)


@either
def test_a_row_without_gradient_stays_where_it_is(settings: OptimiserSettings) -> None:
    optimiser = build_optimiser(settings, STARTS)
    still: Problem = lambda x: (0 * x).sum()  # noqa: E731
    path = run_batch(optimiser, [still, *PROBLEMS[1:]], STARTS, 20)
    assert torch.equal(path[:, 0], STARTS[0].expand(20, SIZE))


def test_adam_makes_the_iterates_of_torch_adam_alone_to_the_end() -> None:
    paths = run_batch(Adam(STARTS, 0.02), PROBLEMS, STARTS, 200)
    for row, (problem, point) in enumerate(EIGHT):
        alone = run_torch(torch.optim.Adam, problem, point, 200, lr=0.02)
        assert relative_difference(paths[:, row], alone) < 1e-10, f"problem {row}"


def test_gradient_descent_makes_the_iterates_of_torch_sgd_alone_to_the_end() -> None:
    paths = run_batch(GradientDescent(STARTS, 1e-4), PROBLEMS, STARTS, 200)
    for row, (problem, point) in enumerate(EIGHT):
        alone = run_torch(torch.optim.SGD, problem, point, 200, lr=1e-4)
        assert relative_difference(paths[:, row], alone) < 1e-10, f"problem {row}"


@pytest.mark.parametrize(("name", "growth"), [("first_step", 1.0), ("adaptive", 1.1)])
def test_a_first_step_moves_no_value_too_far_and_steps_that_went_too_far_are_taken_back(
    name: str, growth: float
) -> None:
    paths = run_batch(GradientDescent(STARTS, 0.02, name), PROBLEMS, STARTS, 30)
    halved = 0
    for row, (problem, x) in enumerate(EIGHT):
        g = gradient(problem, x)
        rate = 0.02 / float(g.abs().max())
        for step in range(30):
            before, at, x = g, x, x - rate * g
            torch.testing.assert_close(paths[step, row], x, rtol=1e-9, atol=1e-12)
            g = gradient(problem, x)
            if float(before @ g) < 0:
                x, g, rate, halved = at, before, rate / 2, halved + 1
            else:
                rate *= growth
    assert halved > 0, "choose problems on which a step goes too far"


def test_a_far_too_long_first_step_still_comes_down() -> None:
    paths = run_batch(GradientDescent(STARTS[:3], 5.0, "first_step"), PROBLEMS[:3], STARTS[:3], 200)
    for row in range(3):
        assert PROBLEMS[row](paths[-1, row]) < 0.05 * PROBLEMS[row](STARTS[row])


@either
def test_float32_points_stay_float32(settings: OptimiserSettings) -> None:
    points = STARTS.float()
    optimiser = build_optimiser(settings, points)
    for _ in range(3):
        points = optimiser.step(points, points, points.square().sum(dim=1))
    assert points.dtype == torch.float32


def test_float32_descends_as_far_as_torch_does() -> None:
    problem, point = softplus_network(1), start(5).float()
    single: Problem = lambda x: problem(x.double()).float()  # noqa: E731
    ours = run_batch(LBFGS(point[None]), [single], point[None], 60)[-1, 0]
    theirs = run_torch_lbfgs(single, point, 60, 10)[-1]
    assert float(problem(ours.double())) == pytest.approx(float(problem(theirs.double())), rel=1e-3)
