"""What a run costs beside its images: plan, dispatch, results and verify, with an engine that computes nothing.

    python tests/benchmarks/dispatch_scale.py --pairs 1000 10000 100000 --runner thread process

Contents are hard links to a few small photographs, styles are 400 paintings by 50 artists, 10 styles per content. The
engine of the workers is replaced by one that neither decodes nor computes nor encodes: it writes 64 bytes in
place of every image, and true rows. Everything else is what `nst run` does, on its own Prefect server. Times are wall
time; memory is the peak of the run's own process (with `process`, the workers are others).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
IMAGE = b"not an image, but sixty-four bytes that stand where one would be"
STAGES = ("plan", "dispatch", "finish", "verify")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--runner", nargs="+", default=["thread", "process"])
    options = parser.parse_args(arguments)
    print(f"| pairs | runner | chunks | {' | '.join(STAGES)} | pairs/s | ms per pair | peak |")
    print(f"|---:|---|---:|{'---:|' * len(STAGES)}---:|---:|---:|")
    for pairs in options.pairs:
        for runner in options.runner:
            with tempfile.TemporaryDirectory() as name:
                print(row(pairs, runner, measure(Path(name), pairs, runner)), flush=True)


def row(pairs: int, runner: str, found: dict[str, Any]) -> str:
    seconds = [found[stage] for stage in STAGES]
    total = sum(seconds)
    stages = " | ".join(f"{part:.1f} s" for part in seconds)
    return (f"| {pairs} | {runner} | {found['chunks']} | {stages} | {pairs / total:.0f} | {1000 * total / pairs:.2f} | "
            f"{found['mib']:.0f} MiB |")  # fmt: skip


def measure(folder: Path, pairs: int, runner: str) -> dict[str, Any]:
    """One run in a process of its own."""
    sys.path.insert(0, str(HERE))
    from plan_scale import make_files

    make_files(folder, pairs // 10)
    run = {
        "name": "scale",
        "content": str(folder / "content"),
        "style": str(folder / "style"),
        "pairing": {"strategy": "random", "styles_per_content": 10, "balance": "artist"},
        "method": {"recipe": "wavelet", "size": 64},
        "execution": {"devices": "cpu", "runner": runner, "workers": 2},
        "output": {"root": str(folder / "outputs"), "gallery": False, "report": False},
    }
    environment = {
        **os.environ,
        "XDG_CACHE_HOME": str(folder / "cache"),
        "PYTHONPATH": os.pathsep.join([str(HERE / "no_engine"), str(HERE)]),
    }
    command = [sys.executable, str(HERE / "dispatch_scale.py"), "--one", json.dumps(run)]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def one(data: dict[str, Any]) -> None:
    """The stages of a run, timed."""
    from flows.dispatch.stylize_flow import stylize_all
    from flows.pipeline import finish, pair_task, plan_task
    from flows.server.run_server import prefect_server
    from nst_core.chunks.work import work_of
    from nst_core.config.resolved_method import resolve_method
    from nst_core.config.run_config import parse_config
    from nst_core.plan.state import read_state
    from nst_core.run_folder.folder import RunFolder
    from nst_core.run_folder.verify.verification import verify

    config, found = parse_config(data), dict[str, Any]()
    folder, method = RunFolder(config.run_folder), resolve_method(config)
    with prefect_server(), folder.locked() as held:
        with timed("plan", found):
            asked = pair_task.__wrapped__(config, method)
            plan_task.__wrapped__(config, method, asked, folder, strict=False, force=True)
            state = read_state(folder, asked)
        with timed("dispatch", found):
            totals = stylize_all(state.chunks, work_of(config, method), config, method.fleet, held)
        with timed("finish", found):
            finish(config, folder, state, totals, 1.0)
    with timed("verify", found):
        checked = verify(folder.root)
    assert checked.sound, checked.findings[:5]
    assert totals.statuses == Counter(success=len(state.plan))
    found["chunks"] = len(state.chunks)
    found["mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(found))


@contextmanager
def timed(stage: str, found: dict[str, Any]) -> Iterator[None]:
    started = time.perf_counter()
    yield
    found[stage] = time.perf_counter() - started


def no_engine(chunk: Any, work: Any, watch: Any, attempt: int) -> Any:
    """In place of `stylize_chunk`."""
    from nst_core.chunks.work import ChunkReport
    from nst_core.engine.batch import LossPoint
    from nst_core.run_folder.chunk_rows import rows_file, write_rows
    from nst_core.run_folder.results import Result, planned_columns
    from nst_core.run_folder.time_spent import TimeSpent

    sha256 = hashlib.sha256(IMAGE).hexdigest()
    trace = [LossPoint(step, 1.0, 2.0, 3.0, 6.0) for step in range(0, 140, 2)]
    rows = {}
    for row in chunk.rows:
        path = work.run_folder / row.file_name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(IMAGE)
        known = planned_columns(row) | {"loss_trace": trace, "output_sha256": sha256, "seconds": 0.0}
        rows[row.pair_id] = Result(
            pair_id=row.pair_id,
            chunk_id=row.chunk_id,
            status="success",
            attempts=attempt,
            file_name=row.file_name,
            **known,
        )
    write_rows(chunk, rows, rows_file(work.run_folder, chunk))
    return ChunkReport(Counter(success=len(rows)), TimeSpent())


if __name__ == "__main__":
    if "--one" in sys.argv:
        one(json.loads(sys.argv[-1]))
    else:
        main()
