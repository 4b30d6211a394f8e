"""Seconds that a transfer network takes per picture on one core: CPU seconds, the least of several rounds.

    uv run --extra onnx python tests/benchmarks/transfer_speed.py

AdaIN and Johnson have their published sizes and random weights: time does not depend on what is in them.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).parents[1] / "nst_core"))

from tiny_networks import REAL_WIDTHS, decoder_state, encoder_state, johnson_state

from nst_core.engine.transfer.adain import build_adain, decoder_tensors, encoder_tensors
from nst_core.engine.transfer.johnson import johnson_network
from nst_core.engine.transfer.network import TransferNetwork
from nst_core.networks.sessions import open_network


def adain() -> TransferNetwork:
    encoder, decoder = encoder_tensors(encoder_state(REAL_WIDTHS)), decoder_tensors(decoder_state(REAL_WIDTHS))
    assert encoder
    assert decoder
    return build_adain(encoder, decoder, "")


def johnson() -> TransferNetwork:
    network = johnson_network(johnson_state(32), "")
    assert network
    return network


def magenta() -> TransferNetwork:
    return open_network(["magenta"], "--network", torch.device("cpu"))


def quick() -> TransferNetwork:
    return open_network(["quick"], "--network", torch.device("cpu"))


NETWORKS: dict[str, Callable[[], TransferNetwork]] = {
    "AdaIN": adain,
    "Johnson": johnson,
    "Magenta": magenta,
    "quick": quick,
}


def seconds(work: Callable[[], Tensor], rounds: int) -> float:
    """CPU seconds of a call, the least of several."""
    found = []
    for _ in range(rounds):
        start = time.process_time()
        work()
        found.append(time.process_time() - start)
    return min(found)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--size", type=int, default=256, help="side of the square pictures")
    options.add_argument("--batches", type=int, nargs="+", default=[1, 4])
    options.add_argument("--rounds", type=int, default=3)
    asked = options.parse_args()
    torch.set_num_threads(1)
    print(f"{asked.size} × {asked.size} px, one thread, torch {torch.__version__}\n")
    print("| network | batch | a style | a picture |\n|---|---:|---:|---:|")
    for name, build in NETWORKS.items():
        network = build()
        for batch in asked.batches:
            images, shares = torch.rand(batch, 3, asked.size, asked.size), torch.ones(batch)
            with torch.inference_mode():
                vectors = network.style_vectors(images)
                style = seconds(lambda: network.style_vectors(images), asked.rounds) / batch  # noqa: B023
                picture = seconds(lambda: network(images, vectors, shares), asked.rounds) / batch  # noqa: B023
            print(f"| {name} | {batch} | {style:.3f} s | {picture:.3f} s |", flush=True)


if __name__ == "__main__":
    main()
