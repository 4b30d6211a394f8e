"""bfloat16 beside float32: final losses of both, evaluated in float32.

uv run python tests/benchmarks/precision.py --pairs demo --count 3 --size 160
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from pairs import ROOT, Pair, demo_pairs, shared_pairs, spread
from stylized_pictures import final_loss, make, recipe_for


def main(arguments: Sequence[str] | None = None) -> None:
    options = parser().parse_args(arguments)
    torch.set_num_threads(options.threads)
    pairs = demo_pairs(options.data) if options.pairs == "demo" else shared_pairs()
    if not pairs:
        sys.exit("There is no ../shared/data beside this checkout: use --pairs demo.")
    print(precision_table(options.recipes, spread(pairs, options.count or len(pairs)), options.size))


def precision_table(recipes: Sequence[str], pairs: Sequence[Pair], size: int) -> str:
    """As Markdown."""
    lines = ["| recipe | content | style | float32 | bfloat16 | ratio |", "| --- | --- | --- | ---: | ---: | ---: |"]
    for name in recipes:
        for pair in pairs:
            exact, rounded = (precision_loss(name, pair, size, p) for p in ("float32", "bfloat16"))
            losses = f"{exact:.4g} | {rounded:.4g} | {rounded / exact:.4f}"
            lines.append(f"| {name} | {pair.content.stem} | {pair.style.stem} | {losses} |")
    return "\n".join(lines)


def precision_loss(name: str, pair: Pair, size: int, precision: str) -> float:
    """The final loss of one pair, optimised in `precision`."""
    recipe = recipe_for(name, size=size, precision=precision)
    return final_loss(make(pair, recipe), recipe)


def parser() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--pairs", choices=("demo", "shared"), default="demo")
    options.add_argument("--recipes", nargs="+", default=["wavelet", "squeezenet"], help="names, or YAML files")
    options.add_argument("--count", type=int, help="so many of the pairs, spread over contents and styles")
    options.add_argument("--size", type=int, default=256)
    options.add_argument("--threads", type=int, default=1)
    options.add_argument("--data", type=Path, default=ROOT / "data", help="where the demo's images are put")
    return options


if __name__ == "__main__":
    main()
