"""Peak memory of one large picture under `execution.memory`: `uv run python tests/benchmarks/tiled_memory.py --help`.

The optimiser's history is filled from the start, as it is after as many evaluations as it has pairs, so that a few
evaluations show the peak of a whole run.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace

import torch

from nst_core.engine import optimisers
from nst_core.engine.batch import Pairs
from nst_core.engine.memory import peak_resident
from nst_core.engine.session import Session
from nst_core.engine.tiling.settings import Tiling
from nst_core.engine.watch import Watch
from nst_core.recipes import load_recipe
from nst_core.storage.disk import parse_bytes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition(":")[0])
    parser.add_argument("--recipe", default="gatys2016")
    parser.add_argument("--weights", help="in place of the recipe's, such as random")
    parser.add_argument("--width", type=int, default=2048)
    parser.add_argument("--height", type=int, default=2048)
    parser.add_argument("--style", type=int, default=512, help="side of the style image")
    parser.add_argument("--evaluations", type=int, default=1)
    parser.add_argument("--memory", default="3GiB")
    parser.add_argument("--tile", default="auto", help="auto, none, or pixels")
    options = parser.parse_args()
    overrides = {"precision": "float32", "size": max(options.width, options.height)}
    if options.weights:
        overrides |= {"weights": options.weights, "normalised": False}
    recipe = replace(load_recipe(options.recipe, overrides), scales=None, evaluations=options.evaluations)
    tile = int(options.tile) if options.tile.isdigit() else options.tile
    session = Session(recipe, torch.device("cpu"), Tiling(tile, parse_bytes(options.memory)))
    _fill_history()
    started = time.perf_counter()
    content, style = _picture(options.height, options.width, 0), _picture(options.style, options.style, 1)
    target = session.style_target(style)
    result = session.stylize(Pairs(content[None], [target], [0]), Watch())
    peak = peak_resident() / 2**30
    print(
        f"{options.recipe}, {options.width} × {options.height}: peak {peak:.2f} GiB of {options.memory}, tiles of "
        f"{session._tiles[None].side(options.height, options.width)}, {time.perf_counter() - started:.0f} s for "
        f"{options.evaluations} evaluations, loss {result.traces[0][-1].total:.6g}"
    )


def _picture(height: int, width: int, seed: int) -> torch.Tensor:
    """Smooth noise with grain, (3, H, W)."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(1, 3, 16, 16, generator=generator)
    smooth = torch.nn.functional.interpolate(coarse, (height, width), mode="bilinear")[0]
    return (smooth + 0.1 * torch.rand(3, height, width, generator=generator)).clamp(0, 1)


def _fill_history() -> None:
    """Let L-BFGS write to all of its history when it is made: pages that nobody wrote to take no memory."""
    plain = optimisers.LBFGS.__init__

    def filled(self: optimisers.LBFGS, *arguments: object, **named: object) -> None:
        plain(self, *arguments, **named)  # type: ignore[arg-type]
        self.differences.zero_()

    optimisers.LBFGS.__init__ = filled  # type: ignore[method-assign]


if __name__ == "__main__":
    main()
