"""The quality guard: what judges that did not make the pictures say of them, as a table, and the pictures as a sheet.

`uv run python tests/benchmarks/quality.py --pairs demo --sheet docs/quality.jpg` compares the default recipes on the
demo's pairs; `--pairs shared` does on the developers' real data, and `--precision` compares bfloat16 with float32.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from judges import judges
from pairs import ROOT, Pair, demo_pairs, shared_pairs, spread
from scores import Bench, markdown
from sheet import contact_sheet
from stylized_pictures import Picture, final_loss, make, recipe_for


def main(arguments: Sequence[str] | None = None) -> None:
    options = parser().parse_args(arguments)
    torch.set_num_threads(options.threads)
    pairs = demo_pairs(options.data) if options.pairs == "demo" else shared_pairs()
    if not pairs:
        sys.exit("There is no ../shared/data beside this checkout: use --pairs demo.")
    pairs = spread(pairs, options.count or len(pairs))
    if options.precision:
        print(precision_table(options.recipes, pairs, options.size))
        return
    by_recipe = {name: made(name, pairs, options.size) for name in options.recipes}
    print(style_table(by_recipe))
    if options.sheet:
        contact_sheet(by_recipe).save(options.sheet, quality=88)


def style_table(by_recipe: dict[str, list[Picture]]) -> str:
    """The judges on every recipe's pictures, and on what they are to be measured against, as Markdown."""
    bench = Bench(judges())
    some = next(iter(by_recipe.values()))
    rows = [bench.content(some), bench.matched(some), bench.halves(some)]
    return markdown([*rows, *(bench.scores(name, pictures) for name, pictures in by_recipe.items())])


def precision_table(recipes: Sequence[str], pairs: Sequence[Pair], size: int) -> str:
    """Final losses of float32 and of bfloat16, both evaluated in float32, as Markdown."""
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


def made(name: str, pairs: Sequence[Pair], size: int) -> list[Picture]:
    """One recipe's pictures, with a line on stderr for each."""
    recipe, pictures = recipe_for(name, size=size), []
    for number, pair in enumerate(pairs, start=1):
        pictures.append(make(pair, recipe))
        print(f"{name} {number}/{len(pairs)}: {pictures[-1].seconds:.1f} s", file=sys.stderr)
    return pictures


def parser() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--pairs", choices=("demo", "shared"), default="demo")
    options.add_argument("--recipes", nargs="+", default=["wavelet", "squeezenet"], help="names, or YAML files")
    options.add_argument("--count", type=int, help="so many of the pairs, spread over contents and styles")
    options.add_argument("--size", type=int, default=256)
    options.add_argument("--threads", type=int, default=1)
    options.add_argument("--precision", action="store_true", help="compare bfloat16 with float32 instead")
    options.add_argument("--sheet", type=Path, help="write the contact sheet here")
    options.add_argument("--data", type=Path, default=ROOT / "data", help="where the demo's images are put")
    return options


if __name__ == "__main__":
    main()
