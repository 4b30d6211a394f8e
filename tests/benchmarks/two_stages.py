"""Does a first stage on the slim network pay? VGG-19's loss against seconds, for N evaluations on slim and K on VGG-19.

    uv run python tests/benchmarks/two_stages.py --size 96 --pairs 4 --figure docs/two_stages.svg

The recipe is `fast`: its own stage is on VGG-19, and N evaluations on `slim`, in its metric, come before it. One run
for each N gives all K: VGG-19's loss is noted at each of its evaluations. Losses are divided by the one that plain
L-BFGS (content image, pixels, history 100) has after 500 evaluations of VGG-19 on the same objective; the table has the
geometric mean over pairs. Seconds are those of the processor, one thread, on a CPU, so that other work disturbs them
little; of the clock on a GPU. Pairs are COCO's and the artworks' of the developers' data, else the built-in ones. What
was measured of a pair is kept in outputs/two_stages, so that a call which was stopped goes on.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from coarse_to_fine import clock
from pairs import ROOT, Pair, demo_pairs, shared_pairs, spread
from stylized_pictures import recipe_for, sources

from nst_core.engine.batch import Pairs as Batch
from nst_core.engine.bench.equal_loss import loss_ratio
from nst_core.engine.devices import resolve_device, resolve_precision, set_convolution_precision
from nst_core.engine.recipe import Recipe
from nst_core.engine.session import session_for
from nst_core.engine.watch import Watch

FIRST = (0, 25, 50)
"""N, evaluations on slim."""

POINTS = (10, 20, 30, 40, 60, 80)
"""K, evaluations on VGG-19, of the table."""

LAST, ALONE = 80, 100
"""Evaluations on VGG-19 after slim, and without."""

WITHIN = 1.05
KEPT = ROOT / "outputs" / "two_stages"


@dataclass
class Course:
    """VGG-19's losses after 0, 1, … of its evaluations, and the seconds until then, slim's included."""

    seconds: list[float] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)

    def reaches(self, loss: float) -> float:
        """The seconds after which a loss is reached; infinite if never."""
        return next((at for at, each in zip(self.seconds, self.losses, strict=True) if each <= loss), math.inf)


@dataclass(frozen=True)
class Measured:
    """What was measured of one pair.

    Attributes:
        reference: the loss after 500 evaluations of plain L-BFGS.
        courses: by N.
    """

    reference: float
    courses: Mapping[int, Course]


def main(arguments: Sequence[str] | None = None) -> None:
    options = parser().parse_args(arguments)
    torch.set_num_threads(1)
    pairs = spread(shared_pairs() or demo_pairs(ROOT / "outputs/quality-data"), options.pairs)
    found = []
    for number, pair in enumerate(pairs, start=1):
        found.append(measured(pair, options))
        print(f"after {number} pair(s):\n{table(found)}", file=sys.stderr, flush=True)
    print(table(found))
    if options.figure:
        options.figure.write_text(figure(found), encoding="utf-8")


def measured(pair: Pair, options: argparse.Namespace) -> Measured:
    """The courses of one pair, kept ones included."""
    kept = KEPT / f"{options.size}-{pair.content.stem}-{pair.style.stem}.json"
    data = json.loads(kept.read_text()) if kept.is_file() else {}

    def keep(name: str, course: Course) -> Course:
        data[name] = asdict(course)
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps(data))
        return course

    def course(name: str, recipe: Recipe) -> Course:
        return Course(**data[name]) if name in data else keep(name, run(pair, recipe, options.device))

    own = recipe_for("fast", size=options.size, evaluations=ALONE)
    pixels = {"name": "lbfgs", "history": 100, "precondition": "none"}
    plain = recipe_for("fast", size=options.size, start="content", optimiser=pixels, evaluations=options.reference)
    courses = {}
    for first in FIRST:
        stages = [{"features": "slim", "evaluations": first}, {"evaluations": LAST}]
        recipe = recipe_for("fast", size=options.size, stages=stages) if first else own
        courses[first] = course(str(first), recipe)
    return Measured(course(f"reference {options.reference}", plain).losses[-1], courses)


def run(pair: Pair, recipe: Recipe, device: str) -> Course:
    """Optimise one pair."""
    recipe = resolve_precision(recipe, resolve_device(device))
    session = session_for(recipe, resolve_device(device))
    set_convolution_precision(recipe.precision)
    content, style = (image.to(session.device) for image in sources(pair, recipe))
    now, course, first = clock(session.device), Course(), recipe.schedule()[-1].first
    started = now()
    batch = Batch(content[None], [session.style_target(style, content)], [0])

    def progress(evaluation: int, total: float) -> None:
        if evaluation >= first:
            course.seconds.append(now() - started)
            course.losses.append(total)

    session.stylize(batch, Watch(1, progress))
    return course


def table(found: Sequence[Measured]) -> str:
    """Loss over the reference's, and seconds, by N and K, in Markdown."""
    lines = [
        f"| N on slim | {' | '.join(f'K = {point}' for point in POINTS)} | s to within 5 % |",
        f"| --- |{' ---: |' * (len(POINTS) + 1)}",
    ]
    for first in FIRST:
        cells = [str(first), *(f"{ratio(found, first, k):.3f} ({seconds(found, first, k):.1f} s)" for k in POINTS)]
        reached = [each.courses[first].reaches(WITHIN * each.reference) for each in found]
        cells.append(f"{sum(reached) / len(reached):.1f}")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def ratio(found: Sequence[Measured], first: int, last: int) -> float:
    """The geometric mean over pairs of the loss after N and K evaluations over the reference."""
    return loss_ratio([each.courses[first].losses[last] for each in found], [each.reference for each in found])


def seconds(found: Sequence[Measured], first: int, last: int) -> float:
    """The mean over pairs of the seconds of N and K evaluations."""
    return sum(each.courses[first].seconds[last] for each in found) / len(found)


WIDTH, HEIGHT, LEFT, BOTTOM = 640, 360, 60, 50
COLOURS = ("#222222", "#2b7bba", "#d1660b")
TICKS = (1.0, 1.05, 1.1, 1.2, 1.4, 1.7, 2.0)


def figure(found: Sequence[Measured]) -> str:
    """The curves as SVG: the loss over the reference (logarithmic) against seconds, a line for each N."""
    longest = seconds(found, 0, ALONE)

    def x_of(second: float) -> float:
        return LEFT + (WIDTH - LEFT - 20) * second / longest

    def y_of(value: float) -> float:
        return 20 + (HEIGHT - BOTTOM - 20) * (1 - math.log(value) / math.log(TICKS[-1]))

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
        f'font-size="12"><rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>'
    ]
    for tick in TICKS:
        dash = ' stroke-dasharray="6 3"' if tick == WITHIN else ""
        line = f'<line x1="{LEFT}" x2="{WIDTH - 20}" y1="{y_of(tick):.1f}" y2="{y_of(tick):.1f}" stroke="#bbb"{dash}/>'
        parts.append(f'{line}<text x="{LEFT - 8}" y="{y_of(tick) + 4:.1f}" text-anchor="end">{tick:.2f}</text>')
    for tick in range(0, int(longest) + 1, max(1, int(longest / 8))):
        label = f'<text x="{x_of(tick):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{tick}</text>'
        parts.append(label)
    for number, (first, colour) in enumerate(zip(FIRST, COLOURS, strict=True)):
        points = [(x_of(seconds(found, first, k)), ratio(found, first, k)) for k in range(LAST + 1)]
        shown = " ".join(f"{x:.1f},{y_of(value):.1f}" for x, value in points if value <= TICKS[-1])
        name = f"{first} on slim, then VGG-19" if first else "VGG-19 alone (fast)"
        y = 40 + 18 * number
        parts.append(f'<polyline points="{shown}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts.append(
            f'<line x1="{WIDTH - 210}" x2="{WIDTH - 185}" y1="{y}" y2="{y}" stroke="{colour}" stroke-width="3"/>'
        )
        parts.append(f'<text x="{WIDTH - 178}" y="{y + 4}">{name}</text>')
    middle = (LEFT + WIDTH - 20) / 2
    parts.append(f'<text x="{middle}" y="{HEIGHT - 10}" text-anchor="middle">seconds per picture</text>')
    parts.append(f'<text x="14" y="{HEIGHT / 2}" transform="rotate(-90 14 {HEIGHT / 2})" text-anchor="middle">')
    parts.append("VGG-19's loss over that of 500 evaluations</text></svg>\n")
    return "\n".join(parts)


def parser() -> argparse.ArgumentParser:
    found = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    found.add_argument("--size", type=int, default=192)
    found.add_argument("--pairs", type=int, default=4)
    found.add_argument("--reference", type=int, default=500, help="evaluations of plain L-BFGS")
    found.add_argument("--device", default="auto")
    found.add_argument("--figure", type=Path, help="where to write the curves, as SVG")
    return found


if __name__ == "__main__":
    main()
