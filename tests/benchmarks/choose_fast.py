"""Choose the recipe `fast` by measurement: the least compute that comes within 5 % of 500 evaluations of plain L-BFGS.

    uv run python tests/benchmarks/choose_fast.py --features vgg19 --weights imagenet --device cuda

Every candidate minimises the objective of configs/methods/fast.yaml on the same pairs. What counts is the loss, in
float32, of the image that would be delivered. Tables go to the standard output as Markdown, the plain reference and
the winner side by side to `--sheet`.
"""

from __future__ import annotations

import argparse
import platform
import shlex
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import torch
import torchvision
from fast_choice import CANDIDATES, GOAL_EVALUATIONS, PLAIN, Measured, changes, cheapest, recommended, table
from fast_curves import Laboratory, compared
from jury import Jury
from jury import table as verdicts
from pairs import ROOT, Pair, demo_pairs, spread
from sheet import contact_sheet
from stylized_pictures import Picture, recipe_for

from nst_core.engine.bench.flops import evaluation_flops
from nst_core.engine.devices import resolve_device
from nst_core.engine.recipe import Recipe

POINTS = (25, 50, 75, 100, 150, 200)
"""Evaluations that the table shows."""

IMAGES = {".jpg", ".jpeg", ".png", ".webp"}


def main(arguments: Sequence[str] | None = None) -> None:
    options = parser().parse_args(arguments)
    torch.set_num_threads(options.threads)
    recipe = fast(options)
    laboratory = Laboratory(recipe, chosen_pairs(options), resolve_device(options.device))
    print(heading(options, arguments), flush=True)
    plain, measured = measure(laboratory, options)
    height, width = laboratory.batches[0].contents.shape[2:]
    gflop = evaluation_flops(recipe, laboratory.judge, height, width).total / 1e9
    print(table(measured, POINTS, gflop))
    print(f"\nOne evaluation of an image of {width} × {height} pixels is {gflop:.1f} GFLOP.")
    winner = cheapest(measured[1:])
    if winner is None:
        sys.exit(f"\nNo candidate comes within 5 % in {options.evaluations} evaluations: give more --evaluations.")
    report(laboratory, plain, recommended(recipe, winner), options)


def fast(options: argparse.Namespace) -> Recipe:
    """The recipe as it ships, for these features and this size."""
    return recipe_for("fast", size=options.size, features=options.features, weights=options.weights, precision="auto")


def chosen_pairs(options: argparse.Namespace) -> list[Pair]:
    """Built-in ones, or those of two folders; spread over contents and styles."""
    if not options.contents or not options.styles:
        return spread(demo_pairs(options.data), options.pairs)
    contents, styles = (images(folder) for folder in (options.contents, options.styles))
    return spread([Pair(content, style) for style in styles for content in contents], options.pairs)


def images(folder: Path) -> list[Path]:
    """Every image below a folder."""
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in IMAGES)
    return found or sys.exit(f"There is no image in {folder}.")


def measure(laboratory: Laboratory, options: argparse.Namespace) -> tuple[list[Picture], list[Measured]]:
    """The plain reference's pictures; what it and every candidate reach."""
    start = time.perf_counter()
    curve, pictures = laboratory.goals(PLAIN, options.reference)
    goals = curve[options.reference]
    measured = [compared(PLAIN, curve, goals)]
    for candidate in CANDIDATES:
        measured.append(laboratory.measured(candidate, options.evaluations, goals))
        done = f"{len(measured) - 1}/{len(CANDIDATES)} candidates, {time.perf_counter() - start:.0f} s"
        print(f"{done}: {candidate.name}: {measured[-1].needed}", file=sys.stderr, flush=True)
    return pictures, measured


def report(laboratory: Laboratory, plain: list[Picture], choice: Recipe, options: argparse.Namespace) -> None:
    """What the choice is, what it would change, and how its pictures compare with the reference's."""
    print(f"\nRecommended: start {choice.start}, {choice.evaluations} evaluations, {choice.optimiser}.\n")
    differences = changes(laboratory.recipe, replace(choice, precision=laboratory.recipe.precision))
    print("configs/methods/fast.yaml would change:", *(differences or ["nothing"]), sep="\n  ")
    pictures = laboratory.pictures(choice)
    names = f"plain L-BFGS, {options.reference}", f"fast, {choice.evaluations}"
    jury, by_name = Jury(), dict(zip(names, (plain, pictures), strict=True))
    means = {name: jury.means(made) for name, made in by_name.items()}
    print(f"\n{verdicts(means, dict.fromkeys(names, choice.features))}")
    options.sheet.parent.mkdir(parents=True, exist_ok=True)
    contact_sheet(by_name).save(options.sheet, quality=90)


def heading(options: argparse.Namespace, arguments: Sequence[str] | None) -> str:
    """When, where, with which versions and by which command."""
    given = sys.argv[1:] if arguments is None else arguments
    device = resolve_device(options.device)
    machine = torch.cuda.get_device_name(device) if device.type == "cuda" else f"{options.threads} thread of a CPU"
    versions = f"Python {platform.python_version()}, torch {torch.__version__}, torchvision {torchvision.__version__}"
    command = f"uv run python tests/benchmarks/choose_fast.py {shlex.join(given)}"
    return f"{date.today()}, {machine}, {versions}:\n\n    {command}\n"


def parser() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--features", default="vgg19")
    options.add_argument("--weights", default="imagenet", help="imagenet, random, or a file")
    options.add_argument("--size", type=int, default=256)
    options.add_argument("--pairs", type=int, default=4, help="how many, spread over contents and styles")
    options.add_argument("--contents", type=Path, help="a folder of photographs, in place of the built-in ones")
    options.add_argument("--styles", type=Path, help="a folder of paintings, likewise")
    options.add_argument("--reference", type=int, default=GOAL_EVALUATIONS, help="evaluations of the plain reference")
    options.add_argument("--evaluations", type=int, default=250, help="of every candidate, at most")
    options.add_argument("--device", default="auto")
    options.add_argument("--threads", type=int, default=1)
    options.add_argument("--sheet", type=Path, default=ROOT / "outputs" / "choose_fast.jpg", help="the pictures")
    options.add_argument("--data", type=Path, default=ROOT / "data", help="where the built-in images are put")
    return options


if __name__ == "__main__":
    main()
