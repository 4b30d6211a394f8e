"""What an optimisation gains that begins at a transfer network's picture: the total after so many evaluations.

    uv run --extra onnx python tests/benchmarks/transfer_start.py

Three pairs of COCO and the artworks (../shared), 128 px.
"""

from __future__ import annotations

import argparse
import sys

import torch
from pairs import shared_pairs
from stylized_pictures import recipe_for, sources

from nst_core.engine.batch import Pairs
from nst_core.engine.watch import Watch
from nst_core.networks.sessions import session_for

POINTS = (0, 5, 10, 20, 40)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--recipes", nargs="+", default=["wavelet", "fast"])
    options.add_argument("--starts", nargs="+", default=["content", "colour_matched", "magenta"])
    options.add_argument("--size", type=int, default=128)
    asked = options.parse_args()
    torch.set_num_threads(1)
    found = shared_pairs()
    if not found:
        sys.exit("There is no ../shared/data beside this checkout.")
    pairs = [found[place] for place in (0, 5, 9)]
    print(f"| recipe | start | {' | '.join(f'at {point}' for point in POINTS)} |\n|---|---|{'---|' * len(POINTS)}")
    for name in asked.recipes:
        for start in asked.starts:
            recipe = recipe_for(name, size=asked.size, start=start, evaluations=max(POINTS))
            session = session_for(recipe, torch.device("cpu"))
            totals = []
            for pair in pairs:
                content, style = sources(pair, recipe)
                batch = Pairs(content[None], [session.style_target(style, content)], [0])
                totals.append({point.iteration: point.total for point in session.stylize(batch, Watch()).traces[0]})
            cells = (", ".join(f"{trace[point]:.3g}" for trace in totals) for point in POINTS)
            print(f"| `{name}` | `{start}` | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
