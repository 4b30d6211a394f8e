"""How much faster two worker processes are than one, with one thread each, in one run.

    python tests/benchmarks/process_scaling.py --workers 1 2 --rounds 3

Real chunks through the real engine; the processes are warm (libraries and network loaded, style targets made) before
the clock starts. Rounds alternate between the numbers of workers, and the fastest round of each counts, since the
machine may be shared.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from flows.runners.base import ChunkTry
from flows.runners.local import ProcessRunner
from flows.runners.process import WorkerSlot
from nst_core.chunks.work import work_of
from nst_core.config.resolved_method import resolve_method
from nst_core.config.run_config import RunConfig, parse_config
from nst_core.plan.new_part import new_part
from nst_core.plan.part_tables import part_tables
from nst_core.plan.state import read_state
from nst_core.plan.wanted import wanted_pairs
from nst_core.run_folder.chunk import Chunk
from nst_core.run_folder.folder import RunFolder


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--images", type=int, default=16)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        config = prepared(Path(name), options.images)
        fastest = dict.fromkeys(options.workers, float("inf"))
        for number in range(options.rounds):
            for workers in options.workers:
                seconds = timed(config, workers, f"round-{number}-{workers}")
                fastest[workers] = min(fastest[workers], seconds)
    print("| workers | images/s | ratio |\n|---:|---:|---:|")
    first = fastest[options.workers[0]]
    for workers, seconds in fastest.items():
        print(f"| {workers} | {options.images / seconds:.2f} | {first / seconds:.2f} |")


def prepared(folder: Path, images: int) -> RunConfig:
    for number in range(images + 4):
        _noise(folder / "content" / f"{number:03}.png", number)
    _noise(folder / "style" / "Ada" / "a.png", 1000)
    return parse_config(
        {
            "content": str(folder / "content"),
            "style": str(folder / "style"),
            "method": {"recipe": "wavelet", "size": 192, "evaluations": 60},
            "execution": {"devices": "cpu", "batch_size": 2, "chunk_size": 2},
            "output": {"root": str(folder / "outputs")},
        }
    )


def timed(config: RunConfig, workers: int, name: str) -> float:
    """Seconds for all chunks but the first ones, which warm the workers up."""
    config = config.model_copy(update={"name": name})
    method, folder = resolve_method(config), RunFolder(config.run_folder)
    asked = wanted_pairs(config, method.fingerprints.method)
    part = new_part(config, method, asked, folder)
    folder.append_plan(part.number, part_tables(part))
    chunks, work = read_state(folder).chunks, work_of(config, method)
    with ProcessRunner(work, [WorkerSlot()] * workers, lambda: False) as runner, ThreadPoolExecutor(workers) as pool:
        make_all(pool, runner, chunks[:workers])
        started = time.perf_counter()
        make_all(pool, runner, chunks[2:])
        return time.perf_counter() - started


def make_all(pool: ThreadPoolExecutor, runner: ProcessRunner, chunks: Sequence[Chunk]) -> None:
    reports = list(pool.map(lambda chunk: runner.run(ChunkTry(chunk), lambda count: None), chunks))
    assert all(set(report.statuses) == {"success"} for report in reports)


def _noise(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    coarse = np.random.default_rng(seed).integers(0, 256, (12, 16, 3), np.uint8)
    Image.fromarray(coarse).resize((256, 192), Image.Resampling.BICUBIC).save(path)


if __name__ == "__main__":
    main()
