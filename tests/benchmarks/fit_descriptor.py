"""The linear map of descriptors, fitted to paintings, and how well descriptors tell paintings apart.

    python tests/benchmarks/fit_descriptor.py PAINTINGS --every 2 --moments moments.npz [--write]

PAINTINGS holds a folder per group (artist, movement). Of each painting the moments of slim features are taken, whole
and of its two halves. Each layer is scaled to one variance in all; the map is whitening by principal components,
shrunk: what varies little says little. Measured, by five folds, each with a map fitted to the paintings of the others:

* of the group: the share of paintings whose nearest neighbour is of their own group (of the nearest five, the mean
  share), among the paintings of the fold;
* halves: the share of left halves whose nearest right half is of the same painting, among those of the fold.

`--wavelet` measures moments of wavelet features. `--write` writes `nst_core/engine/descriptor.npz` and its card.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from nst_core.engine.descriptor import SHIPPED, SIDE, SMALLEST
from nst_core.engine.descriptor import moments as moments_of
from nst_core.engine.features.slim import slim_features
from nst_core.engine.features.slim_network import LAYERS
from nst_core.engine.features.wavelet import WaveletFeatures
from nst_core.engine.images.limits import ImageLimits
from nst_core.engine.images.pixels import Pixels, decode_image, resize_pixels, to_tensor, working_size
from nst_core.run_folder.descriptors import LENGTH

FOLDS = 5
PARTS = ("whole", "first", "second")
Matrix = NDArray[np.float64]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paintings", type=Path)
    parser.add_argument("--every", type=int, default=1, help="take each so-manieth painting only")
    parser.add_argument("--moments", type=Path, required=True, help="where moments are kept, or taken from")
    parser.add_argument("--wavelet", action="store_true", help="wavelet features in place of slim ones; only measured")
    parser.add_argument("--shrink", type=float, nargs="+", default=[0.01])
    parser.add_argument("--length", type=int, nargs="+", default=[LENGTH])
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args(arguments)
    if not options.moments.is_file():
        np.savez(options.moments, **taken(options.paintings, options.every, options.wavelet))
    known = dict(np.load(options.moments))
    groups, moments = known["groups"], {part: known[part].astype(np.float64) for part in PARTS}
    print(f"{len(groups)} paintings in {len(set(groups))} groups; by chance {chance(groups):.3f}")
    print("| descriptor | nearest of the group | nearest five | halves |\n|---|---:|---:|---:|")
    for shrink in options.shrink:
        for length in options.length:
            print(row(f"{length}, shrunk by {shrink}", moments, known["sizes"], groups, shrink, length), flush=True)
    if options.write:
        write(moments["whole"], known["sizes"], options.shrink[0], options.length[0], groups)


def taken(folder: Path, every: int, wavelet: bool) -> dict[str, NDArray[np.float32]]:
    """Moments of paintings and their halves, (N, 608), and their groups."""
    files = sorted(folder.rglob("*.jpg"))[::every]
    extractor = WaveletFeatures() if wavelet else slim_features("shipped")
    rows: dict[str, list[NDArray[np.float32]]] = {part: [] for part in PARTS}
    for file in files:
        pixels = decode_image(file, ImageLimits(min_side=1)).pixels
        for part, some in zip(PARTS, (pixels, *halves(pixels)), strict=True):
            width, height = working_size(some.shape[1], some.shape[0], SIDE)
            image = to_tensor(resize_pixels(some, max(width, SMALLEST), max(height, SMALLEST)))[None]
            with torch.inference_mode():
                layers = extractor.layers if wavelet else LAYERS
                rows[part].append(moments_of(extractor(image, layers), layers)[0].numpy())
    groups = np.unique([file.parent.name for file in files], return_inverse=True)[1]
    sizes = np.array([moments_of(extractor(image, (layer,)), (layer,)).shape[1] for layer in layers])
    return {**{part: np.stack(some) for part, some in rows.items()}, "groups": groups, "sizes": sizes}


def halves(pixels: Pixels) -> tuple[Pixels, Pixels]:
    height, width = pixels.shape[:2]
    if width >= height:
        return pixels[:, : width // 2], pixels[:, width // 2 :]
    return pixels[: height // 2], pixels[height // 2 :]


def fitted(moments: Matrix, sizes: NDArray[np.int64], shrink: float, length: int) -> tuple[Matrix, Matrix, Matrix]:
    """Scale (D,), offset (D,) and projection (D, length).

    Layers of `sizes` numbers each get one variance in all; components are divided by the root of their variance and of
    a share of the first's.
    """
    layers = np.split(moments.var(axis=0), np.cumsum(sizes)[:-1])
    scale = np.concatenate([np.full(len(layer), layer.sum() ** -0.5) for layer in layers])
    offset = (moments * scale).mean(axis=0)
    _, spread, axes = np.linalg.svd(moments * scale - offset, full_matrices=False)
    variance = spread**2 / len(moments)
    length = min(length, len(variance))
    return scale, offset, (axes[:length] / np.sqrt(variance[:length] + shrink * variance[0])[:, None]).T


def row(
    name: str,
    moments: dict[str, Matrix],
    sizes: NDArray[np.int64],
    groups: NDArray[np.int64],
    shrink: float,
    length: int,
) -> str:
    folds = np.random.default_rng(0).permutation(len(groups)) % FOLDS
    found: list[list[float]] = []
    for fold in range(FOLDS):
        own = folds == fold
        scale, offset, projection = fitted(moments["whole"][~own], sizes, shrink, length)
        vectors = {part: unit((moments[part][own] * scale - offset) @ projection) for part in PARTS}
        similarity = vectors["whole"] @ vectors["whole"].T
        np.fill_diagonal(similarity, -np.inf)
        near = np.argsort(-similarity, axis=1)[:, :5]
        same = groups[own][near] == groups[own][:, None]
        across = vectors["first"] @ vectors["second"].T
        found.append([same[:, 0].mean(), same.mean(), (across.argmax(axis=1) == np.arange(len(across))).mean()])
    return f"| {name} | " + " | ".join(f"{value:.3f}" for value in np.mean(found, axis=0)) + " |"


def chance(groups: NDArray[np.int64]) -> float:
    counts = np.bincount(groups)
    return float((counts * (counts - 1)).sum() / len(groups) / (len(groups) - 1))


def unit(vectors: Matrix) -> Matrix:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def write(moments: Matrix, sizes: NDArray[np.int64], shrink: float, length: int, groups: NDArray[np.int64]) -> None:
    scale, offset, projection = fitted(moments, sizes, shrink, length)
    single = {"scale": scale.astype(np.float32), "offset": offset.astype(np.float32)}
    np.savez(SHIPPED, **single, projection=projection.astype(np.float16))
    card = {
        "title": "The linear map of descriptors, from the moments of slim features",
        "features": str(slim_features("shipped").weights_sha256),
        "numbers": [len(offset), projection.shape[1]],
        "shrunk_by": shrink,
        "data": f"{len(groups)} paintings: WikiArt reproductions of {len(set(groups))} movements, longer side at most "
        "224 px; licences unknown; only means and principal components of their moments are here",
        "date": date.today().isoformat(),
    }
    SHIPPED.with_suffix(".json").write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
    print(f"{SHIPPED}: {SHIPPED.stat().st_size} bytes")


if __name__ == "__main__":
    main()
