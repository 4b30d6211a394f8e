"""From JPEG to JPEG: images per second of one worker on chunks of real files, and how much of it was optimisation.

    uv run python tests/benchmarks/end_to_end.py --recipe fast --weights random --images 512 --batch 64 --device cuda

Prints a line for a table. What is timed is what a run's worker does with a chunk (decode, optimise, encode, write
rows), without Prefect, after one warm-up chunk. "In the optimisation" is the share of the time that the host spends
there, waiting for the device included; "GPU busy" is nvidia-smi's mean utilisation: of time in which any kernel ran.
"""

from __future__ import annotations

import argparse
import contextlib
import platform
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from nst_core.chunks.work import Work, work_of
from nst_core.chunks.worker import stylize_chunk
from nst_core.config.resolved_method import ResolvedMethod, resolve_method
from nst_core.config.run_config import parse_config
from nst_core.config.sources import SampleSource
from nst_core.engine.images.limits import ImageLimits
from nst_core.engine.images.pixels import decode_image, encode_image, resize_pixels
from nst_core.engine.session import Session
from nst_core.manifest.pairing import Pair
from nst_core.plan.grouping import Grouping
from nst_core.plan.new_part import input_limits
from nst_core.plan.pair_table import tabulate_pairs
from nst_core.plan.part import plan_part
from nst_core.plan.part_tables import part_tables
from nst_core.plan.shapes import PlanContext
from nst_core.plan.wanted import open_sources, pair_sources
from nst_core.run_folder.chunk import Chunk
from nst_core.run_folder.plan_table import Plan
from nst_core.sources.index.image_metadata import ScanOptions
from nst_core.sources.index.scan import scan
from nst_core.sources.registry import open_source


@dataclass
class Optimisation:
    """Seconds spent in it."""

    seconds: float = 0.0


@dataclass
class GpuBusy:
    """Mean utilisation of a GPU, from 0 to 1; None where nobody says."""

    share: float | None = None

    def __str__(self) -> str:
        return "n/a" if self.share is None else f"{self.share:.0%}"


def main(arguments: Sequence[str] | None = None) -> None:
    options = _options(arguments)
    with tempfile.TemporaryDirectory() as scratch:
        chunks, work = _prepared(options, Path(scratch))
        stylize_chunk(chunks[0], work)  # loads the network, makes the style targets, warms the allocator up
        with _timed_sessions() as optimisation, _watched_gpu(torch.device(work.device)) as busy:
            started = time.perf_counter()
            made = sum((stylize_chunk(chunk, work).statuses["success"] for chunk in chunks[1:]), 0)
            seconds = time.perf_counter() - started
    name = torch.cuda.get_device_name() if work.device.startswith("cuda") else platform.processor() or "CPU"
    columns = ["device", "recipe", "size", "batch", "precision", "images", "seconds", "images/s"]
    print(f"| {' | '.join(columns)} | in the optimisation | GPU busy |")
    print("|---|---|---:|---:|---|---:|---:|---:|---:|---:|")
    recipe = work.recipe
    print(
        f"| {name} | {recipe.name} | {recipe.size} | {options.batch} | {recipe.precision} | {made} | {seconds:.1f} "
        f"| {made / seconds:.2f} | {optimisation.seconds / seconds:.0%} | {busy} |"
    )


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--recipe", default="fast")
    parser.add_argument("--weights", help="method.weights: imagenet, random or a file; else the recipe's")
    parser.add_argument("--set", dest="overrides", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--images", type=int, default=512)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--device", default="auto")
    return parser.parse_args(arguments)


def _prepared(options: argparse.Namespace, scratch: Path) -> tuple[list[Chunk], Work]:
    """A warm-up chunk of one batch and the chunks to time, over photographs of 640 pixels written as JPEG."""
    method = {"recipe": options.recipe} | ({"weights": options.weights} if options.weights else {})
    data = {
        "content": str(_photographs(scratch, options.images + options.batch)),
        "style": {"source": "sample", "path": str(scratch / "samples")},
        "method": method,
        "execution": {
            "devices": "cpu" if options.device == "cpu" else "auto",
            "batch_size": options.batch,
            "chunk_size": 4 * options.batch,
        },
        "output": {"root": str(scratch / "outputs")},
    }
    config = parse_config(data, options.overrides)
    resolved = resolve_method(config)
    pairs = list(pair_sources(config, open_sources(config)))
    one_artist = [replace(pair, artist="all") for pair in pairs]  # chunks never span artists: few would be full
    first = _chunks(0, one_artist[: options.batch], resolved, options.batch)
    return [*first, *_chunks(1, one_artist[options.batch :], resolved, options.batch)], work_of(config, resolved)


def _photographs(scratch: Path, count: int) -> Path:
    """Crops of the built-in photographs, all different, 640 × 480."""
    folder = scratch / "photographs"
    folder.mkdir()
    source = open_source(SampleSource(path=scratch / "samples"), "content")
    originals = [decode_image(item.path, ImageLimits()).pixels for item in source.items]
    for number in range(count):
        pixels = originals[number % len(originals)]
        height, width = pixels.shape[:2]
        margin = number % max(1, min(height, width) // 4)
        crop = pixels[margin : height - margin // 2, margin // 2 : width - margin]
        (folder / f"{number:06d}.jpg").write_bytes(encode_image(resize_pixels(crop, 640, 480), "jpeg", 90))
    return folder


def _chunks(number: int, pairs: Sequence[Pair], method: ResolvedMethod, batch: int) -> list[Chunk]:
    draft = tabulate_pairs(pairs, method.fingerprints.method)
    wanted = input_limits(draft, ScanOptions(ImageLimits()), ScanOptions(ImageLimits()))
    inputs = scan(wanted)
    context = PlanContext(method.recipe, method.fingerprints, method.min_side, method.min_style_side, "jpg", inputs)
    part = plan_part(number, draft, Plan.of([]), context, Grouping(batch, 4 * batch))
    rows = [row for table in part_tables(part) for row in Plan(table)]
    names = dict.fromkeys(row.chunk_id for row in rows)
    members = {name: tuple(row for row in rows if row.chunk_id == name) for name in names}
    return [Chunk(name, of[0].artist_slug, of, frozenset(row.pair_id for row in of)) for name, of in members.items()]


@contextlib.contextmanager
def _timed_sessions() -> Iterator[Optimisation]:
    """Counts the time inside `Session.stylize`; on a GPU it ends when the device has, since loss traces are fetched."""
    spent, original = Optimisation(), Session.stylize

    def timed(self: Session, *batch: object) -> object:
        started = time.perf_counter()
        made = original(self, *batch)  # type: ignore[arg-type]
        spent.seconds += time.perf_counter() - started
        return made

    Session.stylize = timed  # type: ignore[method-assign, assignment]
    try:
        yield spent
    finally:
        Session.stylize = original  # type: ignore[method-assign]


@contextlib.contextmanager
def _watched_gpu(device: torch.device) -> Iterator[GpuBusy]:
    """Asks nvidia-smi, where there is one, five times a second; the answer is there at the end."""
    busy = GpuBusy()
    if device.type != "cuda" or shutil.which("nvidia-smi") is None:
        yield busy
        return
    one = f"--id=GPU-{torch.cuda.get_device_properties(device).uuid}"
    command = ["nvidia-smi", one, "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits", "-lms", "200"]
    with tempfile.TemporaryFile("w+", encoding="utf-8") as samples:
        asking = subprocess.Popen(command, stdout=samples, stderr=subprocess.DEVNULL)
        try:
            yield busy
        finally:
            asking.terminate()
            asking.wait()
        samples.seek(0)
        busy.share = _mean_share(samples.read())


def _mean_share(samples: str) -> float | None:
    """Of lines in per cent; a line may be no number (`[N/A]` under MIG)."""
    shares = [int(line) / 100 for line in samples.splitlines() if line.strip().isdecimal()]
    return sum(shares) / len(shares) if shares else None


if __name__ == "__main__":
    main()
