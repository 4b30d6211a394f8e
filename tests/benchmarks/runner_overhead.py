"""What it costs to hand out a chunk, by runner: everything but the chunk itself, which takes no time here.

python tests/benchmarks/runner_overhead.py --chunks 200 --workers 2
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from flows.runners.base import ChunkTry
from flows.runners.selection import fleet_of, open_runner
from nst_core.chunks.work import work_of
from nst_core.config.resolved_method import resolve_method
from nst_core.config.run_config import parse_config
from nst_core.run_folder.chunk import Chunk

NOTHING = '''
"""Every process: `stylize_chunk` makes nothing."""
import importlib.util, sys

class Nothing:
    def find_spec(self, name, path, target=None):
        if name != "nst_core.chunks.worker":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        load = spec.loader.exec_module

        def exec_module(module):
            load(module)
            from collections import Counter
            from nst_core.run_folder.time_spent import TimeSpent
            module.stylize_chunk = lambda chunk, *_: module.ChunkReport(Counter(success=len(chunk.rows)), TimeSpent())

        spec.loader.exec_module = exec_module
        return spec

sys.meta_path.insert(0, Nothing())
'''


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chunks", type=int, default=200)
    parser.add_argument("--pairs", type=int, default=64, help="in each chunk")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if "NST_NOTHING" not in os.environ:
            Path(folder, "sitecustomize.py").write_text(NOTHING, encoding="utf-8")
            os.environ |= {"PYTHONPATH": folder, "NST_NOTHING": "1"}
            os.spawnv(os.P_WAIT, sys.executable, [sys.executable, *sys.argv])
            return
        print(f"{options.chunks} chunks of {options.pairs} pairs, {options.workers} workers")
        print("| runner | start, s | ms per chunk | median latency, ms |\n|---|---:|---:|---:|")
        for runner in ("thread", "process", "ray", "dask"):
            print("| " + " | ".join(measured(runner, options, Path(folder))) + " |", flush=True)


def measured(runner: str, options: argparse.Namespace, folder: Path) -> Iterator[str]:
    """The cells of a row."""
    config = parse_config(
        {
            "execution": {"runner": runner, "workers": options.workers, "devices": "cpu"},
            "output": {"root": str(folder)},
        }
    )
    fleet = fleet_of(config.execution)
    work = work_of(config, resolve_method(config, fleet))
    chunks = list(map(chunk, range(options.chunks), [options.pairs] * options.chunks))
    started = time.perf_counter()
    with (
        open_runner(config.execution, fleet, work, chunks, lambda: False) as open_one,
        ThreadPoolExecutor(open_one.size) as pool,
    ):
        list(
            pool.map(
                lambda chunk_try: open_one.run(chunk_try, lambda _: None), map(ChunkTry, chunks[: 4 * open_one.size])
            )
        )
        ready, latencies = time.perf_counter(), []

        def timed(chunk_try: ChunkTry) -> None:
            begun = time.perf_counter()
            open_one.run(chunk_try, lambda _: None)
            latencies.append(time.perf_counter() - begun)

        list(pool.map(timed, map(ChunkTry, chunks)))
        took = time.perf_counter() - ready
    yield from (runner, f"{ready - started:.1f}", f"{1000 * took / len(chunks):.1f}")
    yield f"{1000 * statistics.median(latencies):.1f}"


def chunk(number: int, pairs: int) -> Chunk:
    """Rows as a plan has them."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "nst_core"))
    from dataclasses import replace

    from planned import planned

    rows = tuple(replace(planned(), pair_id=f"{number:08x}{row:08x}") for row in range(pairs))
    return Chunk(f"00000-{number:05d}", "ada", rows, frozenset(row.pair_id for row in rows))


if __name__ == "__main__":
    main()
