"""How long the index takes: files per second of each way to check, and of a second look at a big folder.

    uv run python tests/benchmarks/index_scan.py --files 20000 --second-look 118000

Makes a few hundred different JPEGs in a scratch folder and links each many times: the files are in the system's cache,
so what is measured is the processor's part. Prints a Markdown table.
"""

from __future__ import annotations

import argparse
import itertools
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from nst_core.sources.index.cache import IndexCache
from nst_core.sources.index.image_metadata import ScanOptions
from nst_core.sources.index.inputs import Input
from nst_core.sources.index.scan import scan

SIZES = [(640, 480), (480, 640), (640, 427), (500, 375), (320, 240), (1024, 768)]
WAYS = {
    "header": ScanOptions(),
    "header and looks": ScanOptions(phash=True),
    "full": ScanOptions(verify="full"),
    "full and looks": ScanOptions(verify="full", phash=True),
}


def main(arguments: Sequence[str] | None = None) -> None:
    options = _options(arguments)
    with tempfile.TemporaryDirectory(dir=options.scratch) as scratch:
        folder = Path(scratch)
        originals = make_originals(folder / "originals", options.originals)
        paths = linked(originals, folder / "first", options.files)
        size = sum(path.stat().st_size for path in originals) / len(originals)
        print(f"{len(originals)} different JPEGs of {size / 1000:.0f} kB on average, linked\n")
        print("| scan | files | seconds | files/s |\n|---|---|---|---|")
        for name, wanted in WAYS.items():
            _row(name, paths, wanted, None)
        _second_look(folder, linked(originals, folder / "second", options.second_look))


def make_originals(folder: Path, number: int) -> list[Path]:
    """Photograph-like noise (1/f) of several sizes, a function of the number; an hour old, as downloads mostly are."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    paths = []
    for i, (width, height) in zip(range(number), itertools.cycle(SIZES)):
        frequencies = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None, :]) + 1 / width
        spectra = np.fft.rfft2(rng.standard_normal((3, height, width))) / frequencies
        pixels = np.fft.irfft2(spectra, (height, width))
        pixels = 128 + 45 * (pixels - pixels.mean()) / pixels.std()
        paths.append(folder / f"{i:04d}.jpg")
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8).transpose(1, 2, 0)).save(paths[-1], quality=90)
        os.utime(paths[-1], (time.time() - 3600,) * 2)
    return paths


def linked(originals: Sequence[Path], folder: Path, number: int) -> list[Path]:
    folder.mkdir()
    paths = [folder / f"{i:012d}.jpg" for i in range(number)]
    for path, original in zip(paths, itertools.cycle(originals)):
        path.hardlink_to(original)
    return paths


def _second_look(folder: Path, paths: list[Path]) -> None:
    """A first scan that fills the cache, then one by a cache object of its own, as a later process would have."""
    where = folder / "cache"
    for name in ("header, filling the cache", "the same again, from the cache"):
        _row(name, paths, ScanOptions(), IndexCache([paths[0].parent], where))
    print(f"\nThe cache takes {sum(path.stat().st_size for path in where.iterdir()) / 1e6:.1f} MB.")


def _row(name: str, paths: list[Path], wanted: ScanOptions, cache: IndexCache | None) -> dict[Path, Input]:
    began = time.perf_counter()
    found = scan(dict.fromkeys(paths, wanted), cache)
    seconds = time.perf_counter() - began
    assert len(found) == len(paths)
    assert all(one.error is None for one in found.values())
    print(f"| {name} | {len(paths)} | {seconds:.1f} | {len(paths) / seconds:.0f} |", flush=True)
    return found


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--files", type=int, default=20_000, help="files of the first scans")
    parser.add_argument("--second-look", type=int, default=118_000, help="files of the scans with a cache")
    parser.add_argument("--originals", type=int, default=300, help="different images among them")
    parser.add_argument("--scratch", type=Path, default=None, help="where to make them; by default the system's place")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
