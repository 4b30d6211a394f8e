"""How pairing and planning grow: `nst pair` and `nst plan`, as commands, over synthetic contents that the index knows.

    python tests/benchmarks/plan_scale.py --contents 1000 10000 100000 --styles 10

Contents are hard links to a few small photographs of six shapes; styles are 400 paintings by 50 artists. The index is
filled first, as an earlier scan would have; then both commands run as a user runs them. Times are wall time of
the whole command, memory is its peak resident size.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

SHAPES = [(64, 48), (64, 43), (48, 64), (64, 64), (60, 64), (64, 36)]


@dataclass(frozen=True)
class Step:
    """One command: seconds on the wall, and its peak resident memory."""

    seconds: float
    mib: float


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--contents", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--styles", type=int, default=10, help="per content")
    options = parser.parse_args(arguments)
    print("| pairs | scan, once | `nst pair` | `nst plan` | both | peak |")
    print("|---:|---:|---:|---:|---:|---:|")
    for count in options.contents:
        with tempfile.TemporaryDirectory() as name:
            scan, pair, plan, pairs = measure(Path(name), count, options.styles)
        both = pair.seconds + plan.seconds
        peak = max(pair.mib, plan.mib)
        print(f"| {pairs} | {scan.seconds:.1f} s | {pair.seconds:.1f} s | {plan.seconds:.1f} s | {both:.1f} s | "
              f"{peak:.0f} MiB |", flush=True)  # fmt: skip


def measure(folder: Path, contents: int, styles: int) -> tuple[Step, Step, Step, int]:
    """The first plan (which fills the index), then `nst pair` and `nst plan` as they are from then on."""
    make_files(folder, contents)
    run = folder / "run.yaml"
    run.write_text(json.dumps({
        "content": str(folder / "content"),
        "style": str(folder / "style"),
        "pairing": {"strategy": "random", "styles_per_content": styles, "balance": "artist"},
        "method": {"recipe": "wavelet", "size": 64},
        "execution": {"devices": "cpu"},
        "output": {"root": str(folder / "outputs")},
    }))  # fmt: skip
    environment = {**os.environ, "XDG_CACHE_HOME": str(folder / "cache")}
    scan, _ = command(["plan", str(run), "--json"], environment)
    pair, _ = command(["pair", str(run), "-o", str(folder / "manifest.csv")], environment)
    plan, text = command(["plan", str(run), "--json"], environment)
    found = json.loads(text)
    assert found["pairs"] == contents * styles, found
    return scan, pair, plan, found["pairs"]


def make_files(folder: Path, contents: int) -> None:
    """Contents (links to a few files) in folders of a thousand, styles by artist, all old enough to be remembered."""
    originals = []
    for number, (width, height) in enumerate(SHAPES):
        pixels = np.random.default_rng(number).integers(0, 256, (height, width, 3), np.uint8)
        path = folder / f"original{number}.jpg"
        Image.fromarray(pixels).save(path)
        os.utime(path, (10**9, 10**9))
        originals.append(path)
    for number in range(contents):
        path = folder / "content" / f"{number // 1000:04d}" / f"{number:07d}.jpg"
        if number % 1000 == 0:
            path.parent.mkdir(parents=True)
        os.link(originals[number % len(originals)], path)
    for number in range(400):
        path = folder / "style" / f"Artist_{number % 50}" / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        os.link(originals[3], path)


def command(arguments: list[str], environment: dict[str, str]) -> tuple[Step, str]:
    """Run `nst` in a process of its own."""
    script = Path(__file__).with_name("plan_scale.py")
    started = time.perf_counter()
    nst = [sys.executable, str(script), "--as-nst", *arguments]
    done = subprocess.run(nst, env=environment, capture_output=True, text=True, check=True)
    seconds = time.perf_counter() - started
    text, _, peak = done.stdout.rpartition("\npeak ")
    return Step(seconds, int(peak) / 1024), text


def as_nst(arguments: list[str]) -> None:
    """The command line itself, and then the peak memory of this process."""
    from flows.cli import main as nst

    sys.argv = ["nst", *arguments]
    try:
        nst()
    finally:
        print(f"\npeak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}")


if __name__ == "__main__":
    if "--as-nst" in sys.argv:
        as_nst(sys.argv[2:])
    else:
        main()
