"""Would stopping each image when its own curve flattens save evaluations? Against the same number for every image.

    uv run python tests/benchmarks/early_stopping.py --recipe wavelet --size 192 --pairs 6

An image stops at the first evaluation, a multiple of ten, where the last ten lowered its loss by less than a share.
Prints a Markdown table: for each share the evaluations at which the images stop, the least losses until then over those
after all evaluations (geometric mean over pairs, and the worst), and the same two figures where every image has as many
evaluations as those images had on average. Pairs are COCO's and artworks' (../shared), else built-in ones.
"""

from __future__ import annotations

import argparse
import itertools
import math
from collections.abc import Sequence
from pathlib import Path
from statistics import mean

import torch
from pairs import ROOT, Pair, demo_pairs, shared_pairs, spread
from stylized_pictures import recipe_for, sources

from nst_core.engine.batch import Pairs
from nst_core.engine.features import build_extractor
from nst_core.engine.optimisation import stylize_batch
from nst_core.engine.recipe import Recipe
from nst_core.engine.style_targets import style_target
from nst_core.engine.watch import Watch

SHARES = (0.04, 0.02, 0.01, 0.005)
STEP = 10


def losses(pair: Pair, recipe: Recipe) -> list[float]:
    """The total loss at every evaluation."""
    content, style = sources(pair, recipe)
    extractor = build_extractor(recipe)
    curve: list[float] = []
    watch = Watch(report_every=1, progress=lambda evaluation, loss: curve.append(loss))
    stylize_batch(Pairs(content[None], [style_target(style, recipe, extractor)], [0]), recipe, extractor, watch)
    return curve


def stop(least: Sequence[float], share: float) -> int:
    """The evaluation at which an image stops whose least loss until each evaluation is given."""
    for evaluation in range(STEP, len(least), STEP):
        if least[evaluation] > (1 - share) * least[evaluation - STEP]:
            return evaluation
    return len(least) - 1


def ratios(curves: Sequence[Sequence[float]], stops: Sequence[int]) -> list[float]:
    """Of each image, the least loss until its stop over the least of all."""
    return [curve[at] / curve[-1] for curve, at in zip(curves, stops, strict=True)]


def table(curves: Sequence[Sequence[float]]) -> str:
    lines = ["| stop below | at evaluation | mean | loss | worst | all at that mean: loss | worst |"]
    lines.append("| ---: | --- | ---: | ---: | ---: | ---: | ---: |")
    for share in SHARES:
        stops = [stop(curve, share) for curve in curves]
        same = [round(mean(stops))] * len(curves)
        figures = [f"{figure:.3f}" for some in (stops, same) for figure in summary(ratios(curves, some))]
        span = f"{min(stops)} to {max(stops)}"
        lines.append(f"| {share:.1%} in {STEP} | {span} | {mean(stops):.0f} | {' | '.join(figures)} |")
    return "\n".join(lines)


def summary(values: Sequence[float]) -> tuple[float, float]:
    """Geometric mean, and the largest."""
    return math.exp(mean(math.log(value) for value in values)), max(values)


def main(arguments: Sequence[str] | None = None) -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--recipe", default="fast")
    options.add_argument("--features", help="of the recipe, if others than its own")
    options.add_argument("--size", type=int, default=192)
    options.add_argument("--pairs", type=int, default=6)
    options.add_argument("--evaluations", type=int, default=200)
    options.add_argument("--data", type=Path, default=ROOT / "data", help="where the built-in images are put")
    given = options.parse_args(arguments)
    torch.set_num_threads(1)
    features = {"features": given.features} if given.features else {}
    recipe = recipe_for(given.recipe, size=given.size, evaluations=given.evaluations, **features)
    pairs = spread(shared_pairs() or demo_pairs(given.data), given.pairs)
    curves = [list(itertools.accumulate(losses(pair, recipe), min)) for pair in pairs]
    print(table(curves))


if __name__ == "__main__":
    main()
