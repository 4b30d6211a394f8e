"""The slim network in VGG-19's place: what VGG-19 itself says of the pictures, and what they cost.

    uv run python tests/benchmarks/slim_metric.py --pairs 2 --size 192 --sheet slim.png

The objective of `fast` is minimised on VGG-19, on the slim network and on SqueezeNet (if its weights are there), pair
by pair in turn, in this process. Printed: the total of `fast` on VGG-19 of each picture as it would be delivered, the
geometric mean over pairs and as a multiple of that of `fast` itself; and processor seconds per picture.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from pairs import SQUEEZENET, demo_pairs, shared_pairs, spread
from sheet import contact_sheet
from stylized_pictures import Picture, colour_matched, final_loss, recipe_for, sources

from nst_core.engine.batch import Pairs as Batch
from nst_core.engine.features import build_extractor
from nst_core.engine.optimisation import stylize_batch
from nst_core.engine.recipe import Recipe
from nst_core.engine.style_targets import style_target


def main(arguments: Sequence[str] | None = None) -> None:
    options = parser().parse_args(arguments)
    torch.set_num_threads(1)
    judge = recipe_for("fast", size=options.size)
    methods = {"fast": judge}
    for evaluations in options.evaluations:
        chosen = {"features": "slim", "weights": options.weights, "size": options.size, "evaluations": evaluations}
        methods[f"slim, {evaluations}"] = recipe_for("fast", **chosen)
    if SQUEEZENET.is_file():
        methods["squeezenet"] = recipe_for("fast", features="squeezenet1_0", size=options.size)
    pairs = spread(shared_pairs() or demo_pairs(options.data), options.first + options.pairs)[options.first :]
    made: dict[str, list[Picture]] = {name: [] for name in methods}
    for number, pair in enumerate(pairs, start=1):
        print(f"{number}: {pair.content.stem}, {pair.style.stem}", flush=True)
        for name, recipe in methods.items():
            content, style = sources(pair, recipe)
            made[name].append(timed(content, style, recipe))
    start = [Picture(colour_matched(picture), picture.content, picture.style) for picture in made["fast"]]
    losses = {name: [final_loss(p, judge) for p in pictures] for name, pictures in {"start": start, **made}.items()}
    print(
        "\n| pictures | VGG-19's loss | over `fast` | worst pair | processor s |\n| --- | ---: | ---: | ---: | ---: |"
    )
    for name, values in losses.items():
        ratios = [value / goal for value, goal in zip(values, losses["fast"], strict=True)]
        seconds = [picture.seconds for picture in made.get(name, ())]
        cost = f"{sum(seconds) / len(seconds):.1f}" if seconds else ""
        print(f"| {name} | {mean(values):.3f} | {mean(ratios):.2f} | {max(ratios):.2f} | {cost} |")
    if options.sheet:
        contact_sheet(made).save(options.sheet)


def timed(content: torch.Tensor, style: torch.Tensor, recipe: Recipe) -> Picture:
    """The pair stylised, and the processor seconds that took, without loading the network."""
    extractor = build_extractor(recipe)
    began = time.process_time()
    batch = Batch(content[None], [style_target(style, recipe, extractor, content)], [0])
    image = stylize_batch(batch, recipe, extractor).images[0]
    return Picture(image, content, style, time.process_time() - began)


def mean(values: Sequence[float]) -> float:
    """The geometric mean."""
    return math.exp(sum(map(math.log, values)) / len(values))


def parser() -> argparse.ArgumentParser:
    found = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    found.add_argument("--size", type=int, default=192)
    found.add_argument("--pairs", type=int, default=2)
    found.add_argument("--first", type=int, default=0, help="pairs to leave out before them")
    found.add_argument("--evaluations", type=int, nargs="+", default=[50], help="on the slim network")
    found.add_argument("--weights", default="shipped", help="of the slim network: shipped, or a file")
    found.add_argument("--sheet", type=Path, help="a PNG to write, with all pictures side by side")
    found.add_argument("--data", type=Path, default=Path("data"), help="where built-in pictures are written")
    return found


if __name__ == "__main__":
    main()
