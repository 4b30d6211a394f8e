"""Seconds per picture of Stylize on one core: `uv run python tests/benchmarks/transform_speed.py`.

Networks: Magenta's (extra `onnx`), and AdaIN in its public size with random weights, whose arithmetic is the same.
CPU seconds of one thread, so that other work on the machine changes little; the least of some rounds.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[1] / "nst_core"))
from tiny_networks import REAL_WIDTHS, adain_files

from nst_core.transforms import Stylize


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=224, help="side of the pictures, in pixels")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(0)
    picture = torch.randint(256, (3, options.size, options.size), generator=generator).to(torch.uint8)
    styles = [torch.rand(3, 256, 256, generator=generator)]
    with tempfile.TemporaryDirectory() as folder:
        networks = {"magenta": "magenta", "AdaIN": adain_files(Path(folder), REAL_WIDTHS)}
        for name, network in networks.items():
            for strength in (0.5, 0.25):
                transform = Stylize(network, styles, p=1, strength=strength)
                print(f"{name:8} strength {strength}: {seconds(transform, picture, options.rounds):.3f} s a picture")
        idle = Stylize("magenta", styles, p=0)
        print(f"not painted: {seconds(idle, picture, 200) * 1e6:.0f} µs a picture")


def seconds(transform: Stylize, picture: torch.Tensor, rounds: int) -> float:
    """CPU seconds of a call, after one that is not counted."""
    transform(picture)
    found = []
    for _ in range(rounds):
        start = time.process_time()
        transform(picture)
        found.append(time.process_time() - start)
    return min(found)


if __name__ == "__main__":
    main()
