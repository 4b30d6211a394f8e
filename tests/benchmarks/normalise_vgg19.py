"""Measure the mean activation of every filter of the original VGG-19: the factors of Gatys' normalised network.

`uv run python tests/benchmarks/normalise_vgg19.py FOLDER_OF_PHOTOGRAPHS [--count 200]` writes
`nst_core/engine/features/vgg19_means.json`. Gatys, Ecker, Bethge 2016, section 2: "we normalized the network by scaling
the weights such that the mean activation of each convolutional filter over images and positions is equal to one".
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from torch import Tensor

import nst_core
from nst_core.engine.features.caffe import caffe_weights
from nst_core.engine.features.convnets import build_convnet
from nst_core.engine.images.limits import ImageLimits
from nst_core.engine.images.pixels import decode_image, to_tensor

LIMITS = ImageLimits(max_pixels=1_000_000, min_side=16)  # at their own size: they should be some 256 px
TARGET = Path(nst_core.__file__).parent / "engine" / "features" / "vgg19_means.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=200, help="photographs, evenly spread over the sorted names")
    options = parser.parse_args()
    paths = sorted(path for path in options.folder.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
    chosen = paths[:: max(1, len(paths) // options.count)][: options.count]
    means = mean_activations(chosen)
    lines = [f' "{name}": {[float(f"{value:.5g}") for value in mean.tolist()]}' for name, mean in means.items()]
    TARGET.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
    silent = {name: count for name, mean in means.items() if (count := int((mean <= 0).sum()))}
    print(f"{len(chosen)} photographs; filters that never fire: {silent or 'none'}")


def mean_activations(paths: list[Path]) -> dict[str, Tensor]:
    """By convolution (`conv1_1` …), the mean of each filter after its ReLU, over images and positions, float64 (N,)."""
    network = build_convnet("vgg19", caffe_weights(), "max", "caffe")
    layers = [name for name in network.layers if name.startswith("relu")]
    sums, positions = dict.fromkeys(layers, torch.zeros(())), dict.fromkeys(layers, 0)
    for path in paths:
        image = to_tensor(decode_image(path, LIMITS).pixels)[None]
        with torch.inference_mode():
            maps = network(image, layers)
        for name, values in maps.items():
            sums[name] = sums[name] + values.double().sum(dim=(0, 2, 3))
            positions[name] += values.shape[2] * values.shape[3]
    return {name.replace("relu", "conv"): sums[name] / positions[name] for name in layers}


if __name__ == "__main__":
    main()
