"""The choice itself, without any image: candidates, how many evaluations each needs, and which needs least compute."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from nst_core.engine.optimiser_settings import OptimiserSettings
from nst_core.engine.recipe import Recipe

GOAL_EVALUATIONS = 500
"""Of the plain L-BFGS whose final loss is the goal."""

GOAL = 1.05
"""How near to it is near enough: 5 %."""

TIE = 1.05
"""Counts of evaluations within this factor are equal: other pairs, or another order of summation, move them as much."""


@dataclass(frozen=True)
class Candidate:
    """A way to minimise a recipe's objective: the fields of a recipe that do not change what is minimised."""

    start: str
    precondition: str = "none"
    power: float = 0.5
    rate: float = 1.0
    history: int = 10

    @property
    def name(self) -> str:
        points = f"f^-{self.power:g}" if self.precondition == "spectral" else "pixels"
        return f"{self.start}, {points}, rate {self.rate:g}, history {self.history}"

    def applied(self, recipe: Recipe, evaluations: int) -> Recipe:
        """The recipe, minimised in this way."""
        optimiser = OptimiserSettings(
            "lbfgs",
            self.rate,
            history=self.history,
            precondition=self.precondition,  # type: ignore[arg-type]
            spectral_power=self.power,
        )
        return replace(recipe, start=self.start, optimiser=optimiser, evaluations=evaluations)  # type: ignore[arg-type]


PLAIN = Candidate("content", history=100)
"""`torch.optim.LBFGS` as people write it down: its own history, the pixels of the content image."""

CANDIDATES = (
    Candidate("colour_matched"),
    Candidate("content", "spectral", 0.5),
    Candidate("colour_matched", "spectral", 0.25),
    Candidate("colour_matched", "spectral", 0.5),
    Candidate("colour_matched", "spectral", 0.25, history=20),
    Candidate("colour_matched", "spectral", 0.5, history=20),
    Candidate("colour_matched", "spectral", 0.25, rate=1.3),
    Candidate("colour_matched", "spectral", 0.5, rate=1.3),
)
"""The simpler of two stands first."""


@dataclass(frozen=True)
class Measured:
    """A candidate and the losses of the images that it would deliver, over those of the goal.

    Attributes:
        ratios: by evaluations: the geometric mean over pairs.
        worst: by evaluations: the largest of any pair.
    """

    candidate: Candidate
    ratios: Mapping[int, float]
    worst: Mapping[int, float]

    @property
    def needed(self) -> int | None:
        """Evaluations to the goal."""
        return evaluations_within(self.ratios)


def evaluations_within(ratios: Mapping[int, float], goal: float = GOAL) -> int | None:
    """The fewest evaluations from which on every ratio is at most `goal`; None where the last one is not."""
    reached = None
    for evaluations in sorted(ratios, reverse=True):
        if not ratios[evaluations] <= goal:
            break
        reached = evaluations
    return reached


def cheapest(measured: Sequence[Measured]) -> Measured | None:
    """The one that needs the fewest evaluations; of those that tie with it, the first. None where none gets there.

    All minimise one objective at one size, so that evaluations are compute.
    """
    needed = [m.needed for m in measured if m.needed is not None]
    least = min(needed, default=math.nan)
    return next((m for m in measured if m.needed is not None and m.needed <= least * TIE), None)


def recommended(recipe: Recipe, winner: Measured) -> Recipe:
    """The recipe with the winner's way, its evaluations rounded up to tens."""
    assert winner.needed is not None
    return winner.candidate.applied(recipe, max(10, math.ceil(winner.needed / 10) * 10))


def changes(before: Recipe, after: Recipe) -> list[str]:
    """What is different, as `key: old -> new`, keys as the YAML file nests them."""
    old, new = (dict(_flat(dataclasses.asdict(recipe))) for recipe in (before, after))
    if after.optimiser.precondition != "spectral":
        new["optimiser.spectral_power"] = old["optimiser.spectral_power"]  # nobody looks at it
    return [f"{key}: {old[key]} -> {new[key]}" for key in old if old[key] != new[key]]


def _flat(data: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, object]]:
    for key, value in data.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def table(measured: Sequence[Measured], points: Sequence[int], gflop: float) -> str:
    """Every candidate's ratios at `points`, its evaluations to the goal and what those cost, as Markdown.

    Args:
        gflop: of one evaluation of one image.
    """
    head = ["candidate", *(f"at {point}" for point in points), "to within 5 %", "worst pair there", "GFLOP per image"]
    lines = [head, ["---", *["---:"] * (len(head) - 1)]]
    lines += [[m.candidate.name, *_row(m, points, gflop)] for m in measured]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _row(measured: Measured, points: Sequence[int], gflop: float) -> list[str]:
    figures = [f"{measured.ratios[point]:.3f}" if point in measured.ratios else "" for point in points]
    needed = measured.needed
    if needed is None:
        return [*figures, f"more than {max(measured.ratios)}", "", ""]
    return [*figures, str(needed), f"{measured.worst[needed]:.3f}", f"{needed * gflop:,.0f}"]
