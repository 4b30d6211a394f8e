"""The memory that the methods of the quality table take for one picture; the table then shows it.

    uv run --group peers python tests/benchmarks/quality_memory.py --methods fast nnst gatys2016

The peak of a new process that makes the first pair at the size, torch and network included. Recipes make it with few
evaluations per scale: as many as fill the history of L-BFGS, after which nothing is added; peers as they are.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
from collections.abc import Sequence
from pathlib import Path

import torch
from pairs import ROOT, Pair
from quality_methods import METHODS, method_named
from quality_table import MADE, chosen_pairs, write_peak

from nst_core.engine.memory import peak_resident
from nst_core.engine.recipe import Recipe


def few_evaluations(recipe: Recipe) -> int | list[int]:
    """As many per scale as show the peak of a whole run."""
    enough = recipe.optimiser.history + 3 if recipe.optimiser.name == "lbfgs" else 3
    counts = [min(enough, stage.evaluations) for stage in recipe.schedule()]
    return counts if recipe.scales else counts[0]


def peak_of(name: str, pair: Pair, size: int) -> int:
    """Peak memory, in bytes, of this process or the one that it starts, in which the method makes a picture."""
    torch.set_num_threads(1)
    method = method_named(name)
    own = method.own and method.own.with_evaluations(few_evaluations(method.own.at(size)))
    (own or method).make(pair, size)
    return max(peak_resident(), 1024 * resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)


def main(arguments: Sequence[str] | None = None) -> None:
    options = parser().parse_args(arguments)
    pair = chosen_pairs(options.pairs, options.data)[0]
    folder = MADE / options.pairs / str(options.size)
    for name in options.methods:
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            peak = pool.apply(peak_of, (name, pair, options.size))
        write_peak(method_named(name), options.size, folder, peak)
        print(f"{name}: {peak / 1e9:.2f} GB", flush=True)


def parser() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--methods", nargs="+", metavar="METHOD", default=list(METHODS), help=", ".join(METHODS))
    options.add_argument("--pairs", choices=("training", "shared", "demo"), default="training")
    options.add_argument("--size", type=int, default=192)
    options.add_argument("--data", type=Path, default=ROOT / "data", help="where the built-in images are put")
    return options


if __name__ == "__main__":
    main()
