"""When does coarse to fine pay? The loss at the delivered size against seconds, for one, two and three scales.

    uv run python tests/benchmarks/coarse_to_fine.py --recipe fast --size 256 --pairs 4

All schedules minimise the same objective at the delivered size and differ in what they do at coarser scales before.
Prints a Markdown table: for each schedule the loss over the least one at one scale (geometric mean over pairs) after as
many seconds as one scale needs for 25, 50 … evaluations, and the seconds to within 5 %. Seconds are those of the
processor (one thread) on a CPU, so that other work disturbs them little; of the clock on a GPU.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from choose_fast import images
from pairs import Pair, demo_pairs, spread
from sheet import contact_sheet
from stylized_pictures import Picture, recipe_for, sources

from nst_core.engine.batch import Pairs as Batch
from nst_core.engine.bench.equal_loss import loss_ratio
from nst_core.engine.devices import resolve_device, resolve_precision, set_convolution_precision
from nst_core.engine.features import build_extractor
from nst_core.engine.features.base import Extractor
from nst_core.engine.images.pixels import pad_by_reflection
from nst_core.engine.optimisation import stylize_batch
from nst_core.engine.recipe import Recipe
from nst_core.engine.style_targets import style_target
from nst_core.engine.watch import Watch
from nst_core.engine.working_size import scaled_side

POINTS = (25, 50, 75, 100, 150)
"""Evaluations at one scale whose seconds the table compares at."""

WITHIN = 1.05


@dataclass(frozen=True)
class Schedule:
    """Coarser scales, as factors of the delivered side, with the evaluations of each; none: one scale."""

    factors: tuple[float, ...] = ()
    evaluations: tuple[int, ...] = ()

    @property
    def name(self) -> str:
        coarse = zip(self.evaluations, self.factors, strict=True)
        return "one scale" if not self.factors else ", ".join(f"{count} at {factor:.2g}" for count, factor in coarse)

    def applied(self, recipe: Recipe, last: int) -> Recipe:
        """The recipe with these scales, and `last` evaluations at the delivered one."""
        scales = (*(scaled_side(recipe.size, factor) for factor in self.factors), recipe.size)
        return replace(recipe, scales=scales, evaluations=(*self.evaluations, last))


SCHEDULES = (
    Schedule(),
    Schedule((1 / 2,), (25,)),
    Schedule((1 / 2,), (50,)),
    Schedule((1 / 2,), (100,)),
    Schedule((0.5**0.5,), (50,)),
    Schedule((1 / 4, 1 / 2), (50, 25)),
    Schedule((1 / 4, 1 / 2), (50, 50)),
)

FEW = (SCHEDULES[0], SCHEDULES[2], SCHEDULES[6])
"""Of these, the ones to look at where an evaluation takes long."""


@dataclass
class Curve:
    """The losses of one pair at the delivered size, and the seconds before each."""

    seconds: list[float] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)

    def after(self, seconds: float) -> float:
        """The least loss so far after so many seconds; NaN before the first, and after the end of the run."""
        known = [loss for at, loss in zip(self.seconds, self.losses, strict=True) if at <= seconds]
        return min(known) if known and len(known) < len(self.losses) else math.nan

    def reaches(self, loss: float) -> float:
        """The seconds after which a loss is reached; infinite if never."""
        return next((at for at, each in zip(self.seconds, self.losses, strict=True) if each <= loss), math.inf)


def main(arguments: Sequence[str] | None = None) -> None:
    options = parser().parse_args(arguments)
    torch.set_num_threads(1)
    device = resolve_device(options.device)
    overrides = {"start": options.start} if options.start else {}
    if options.features:
        overrides |= {"features": options.features, "weights": options.weights}
    recipe = resolve_precision(recipe_for(options.recipe, size=options.size, **overrides), device)
    extractor = build_extractor(recipe).to(device)
    schedules = FEW if options.few else SCHEDULES
    curves: dict[Schedule, list[Curve]] = {schedule: [] for schedule in schedules}
    pictures: dict[str, list[Picture]] = {schedule.name: [] for schedule in schedules}
    for number, pair in enumerate(chosen_pairs(options), start=1):
        for schedule in schedules:
            last = options.evaluations if not schedule.factors else options.last
            curve, picture = run(pair, schedule.applied(recipe, last), extractor)
            curves[schedule].append(curve)
            pictures[schedule.name].append(picture)
        print(f"after {number} pair(s):\n{table(curves)}", file=sys.stderr, flush=True)
    print(table(curves))
    if options.sheet:
        contact_sheet(pictures).save(options.sheet, quality=92)


def run(pair: Pair, recipe: Recipe, extractor: Extractor) -> tuple[Curve, Picture]:
    """Optimise one pair; its losses at the last scale, and its picture."""
    set_convolution_precision(recipe.precision)
    content, style = (image.to(extractor.device) for image in sources(pair, recipe))
    padded = pad_by_reflection(content, *recipe.padded(content.shape[2], content.shape[1]))
    batch = Batch(padded[None], [style_target(style, recipe, extractor, content)], [0])
    now, curve = clock(extractor.device), Curve()
    started, last = now(), recipe.schedule()[-1]

    def progress(evaluation: int, total: float) -> None:
        if evaluation >= last.first:
            curve.seconds.append(now() - started)
            curve.losses.append(total)

    made = stylize_batch(batch, recipe, extractor, Watch(1, progress))
    height, width = content.shape[1:]
    return curve, Picture(made.images[0, :, :height, :width].cpu(), content.cpu(), style.cpu(), now() - started)


def clock(device: torch.device) -> Callable[[], float]:
    return time.perf_counter if device.type == "cuda" else time.process_time


def table(curves: dict[Schedule, list[Curve]]) -> str:
    """The table, in Markdown."""
    plain = curves[SCHEDULES[0]]
    goals = [min(curve.losses) for curve in plain]
    points = [point for point in POINTS if point < len(plain[0].losses)]
    times = " | ".join(f"in the time of {point}" for point in points)
    lines = [
        f"| before the delivered size | {times} | s before it | s to within 5 % |",
        f"| --- |{' ---: |' * (len(points) + 2)}",
    ]
    for schedule, found in curves.items():
        cells = [schedule.name]
        for point in points:
            losses = [curve.after(one.seconds[point]) for curve, one in zip(found, plain, strict=True)]
            known = [(loss, goal) for loss, goal in zip(losses, goals, strict=True) if not math.isnan(loss)]
            whole = len(known) == len(found)
            cells.append(f"{loss_ratio([k[0] for k in known], [k[1] for k in known]):.3f}" if whole else "")
        reached = [curve.reaches(WITHIN * goal) for curve, goal in zip(found, goals, strict=True)]
        cells.append(f"{mean([curve.seconds[0] for curve in found]):.1f}")
        cells.append(f"{mean(reached):.1f}")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def chosen_pairs(options: argparse.Namespace) -> list[Pair]:
    """Built-in ones, or those of two folders; spread over contents and styles."""
    if not options.contents or not options.styles:
        return spread(demo_pairs(options.data), options.pairs)
    pairs = [Pair(content, style) for style in images(options.styles) for content in images(options.contents)]
    return spread(pairs, options.pairs)


def parser() -> argparse.ArgumentParser:
    found = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    found.add_argument("--recipe", default="fast")
    found.add_argument("--features", help="in place of the recipe's")
    found.add_argument("--weights", default="imagenet", help="of those features")
    found.add_argument("--start", help="in place of the recipe's")
    found.add_argument("--size", type=int, default=256)
    found.add_argument("--pairs", type=int, default=4)
    found.add_argument("--evaluations", type=int, default=160, help="at one scale")
    found.add_argument("--last", type=int, default=120, help="at the delivered size, after coarser scales")
    found.add_argument("--few", action="store_true", help="three schedules instead of all")
    found.add_argument("--device", default="auto")
    found.add_argument("--contents", type=Path)
    found.add_argument("--styles", type=Path)
    found.add_argument("--data", type=Path, default=Path("outputs/quality-data"), help="of the built-in pictures")
    found.add_argument("--sheet", type=Path, help="where to write the pictures")
    return found


if __name__ == "__main__":
    main()
