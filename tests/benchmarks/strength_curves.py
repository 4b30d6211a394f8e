"""Does a strength mean the same in every recipe? How far pictures go from the content to the style, by strength.

    uv run python tests/benchmarks/strength_curves.py --recipes wavelet fast/squeezenet1_0 fast gatys2016 mmd nnst

Each pair is made at several strengths, and measured by a network that did not make it: the content feature structural
distance (CFSD), which is 0 for the content, and the distance to the style. Prints a Markdown table: both as shares of
the way from the content to the recipe's own picture at strength 1, the mean over pairs.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from pairs import SQUEEZENET, Pair, demo_pairs, shared_pairs, spread
from sheet import contact_sheet
from stylized_pictures import Picture, make, recipe_for, sources

from nst_core.engine.quality import Judge, Quality
from nst_core.engine.recipe import Recipe
from nst_core.judging.networks import NETWORKS

STRENGTHS = (0.0, 0.25, 0.5, 0.75, 1.0)


def main(arguments: Sequence[str] | None = None) -> None:
    options = parser().parse_args(arguments)
    torch.set_num_threads(1)
    pairs = spread(shared_pairs() if options.shared else demo_pairs(options.data), options.pairs)
    strengths, sheet = [*options.strengths], {}
    head = " | ".join(f"{strength:g}" for strength in strengths)
    print(f"| recipe | judge | CFSD at {head} | style at {head} |")
    print(f"| --- | --- |{' ---: |' * (2 * len(strengths))}", flush=True)
    for name in options.recipes:
        recipe = sized(named(name), options.size, options.evaluations)
        made = {strength: [picture(pair, recipe, strength) for pair in pairs] for strength in {*strengths, 1.0}}
        print(line(name, recipe, [made[strength] for strength in strengths], made[1.0]), flush=True)
        sheet |= {f"{name} {strength:g}": made[strength] for strength in strengths}
    if options.sheet:
        contact_sheet(sheet).save(options.sheet)


def named(name: str) -> Recipe:
    """A recipe by its name, or `name/features`."""
    name, _, features = name.partition("/")
    return recipe_for(name, features=features) if features else recipe_for(name)


def sized(recipe: Recipe, size: int, most: int) -> Recipe:
    """The recipe at another size, its scales in proportion, with fewer evaluations (of all scales together)."""
    factor = min(1.0, most / recipe.total_evaluations)
    least, stages = min(recipe.least_scale, size), recipe.schedule()
    scales = recipe.scales and tuple(max(least, round(size * stage.factor)) for stage in stages)
    counts = tuple(max(1, round(stage.evaluations * factor)) for stage in stages)
    return replace(recipe, size=size, scales=scales, evaluations=counts if scales else counts[0])


def picture(pair: Pair, recipe: Recipe, strength: float) -> Picture:
    if strength == 0:
        content, style = sources(pair, recipe)
        return Picture(content, content, style)
    found = make(pair, replace(recipe, strength=strength))
    print(f"{recipe.name} {strength:g} {pair.content.stem}: {found.seconds:.1f} s", file=sys.stderr, flush=True)
    return found


def line(name: str, recipe: Recipe, by_strength: Sequence[Sequence[Picture]], last: Sequence[Picture]) -> str:
    """A row of the table."""
    judge_name = "vgg19" if recipe.features in ("wavelet", "squeezenet1_0") else "squeezenet"
    judge = load_judge(judge_name)
    ends = [(judged(judge, p, p.content), judged(judge, p, p.image)) for p in last]
    cfsd, style = [], []
    for pictures in by_strength:
        shares = [ways(judged(judge, p, p.image), *end) for p, end in zip(pictures, ends, strict=True)]
        cfsd.append(sum(share[0] for share in shares) / len(shares))
        style.append(sum(share[1] for share in shares) / len(shares))
    figures = " | ".join(f"{figure:.2f}" for figure in (*cfsd, *style))
    return f"| {name} | {judge_name} | {figures} |"


def ways(here: Quality, content: Quality, last: Quality) -> tuple[float, float]:
    """The shares of the way from the content to the last picture: of CFSD, and of the distance to the style."""
    gone = content.style_distance - here.style_distance
    return here.cfsd / last.cfsd, gone / (content.style_distance - last.style_distance)


def judged(judge: Judge, made: Picture, image: torch.Tensor) -> Quality:
    return judge.judge(image[None], made.content[None], [judge.style([made.style])])[0]


def load_judge(name: str) -> Judge:
    network = NETWORKS[name]
    return replace(network, weights=str(SQUEEZENET)).load() if name == "squeezenet" else network.load()


def parser() -> argparse.ArgumentParser:
    found = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    found.add_argument("--recipes", nargs="+", default=["wavelet", "fast", "gatys2016"], help="or name/features")
    found.add_argument("--strengths", nargs="+", type=float, default=STRENGTHS)
    found.add_argument("--size", type=int, default=96)
    found.add_argument("--evaluations", type=int, default=80, help="at most, of all scales together")
    found.add_argument("--pairs", type=int, default=2)
    found.add_argument("--shared", action="store_true", help="the developers' real data in place of built-in pictures")
    found.add_argument("--data", type=Path, default=Path("outputs/quality-data"), help="of the built-in pictures")
    found.add_argument("--sheet", type=Path, help="where to write the pictures")
    return found


if __name__ == "__main__":
    main()
