"""How `nst verify`, `nst status` and a watch grow: over finished run folders of synthetic rows.

    python tests/benchmarks/verify_scale.py --pairs 1000 10000 100000

Plan, results (100 rows per part, 31 points of loss trace each), images (4 KiB) and reports are those of a finished run.
`verify` and `status` are commands as a user runs them: wall time (processor time) and peak resident memory; `base` is
what it takes to import all that a command needs. The looks of a watch are measured inside one process: the first, one
at which nothing has changed, and one at which ten parts have.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

sys.path.insert(0, str(Path(__file__).parents[1] / "nst_core"))
from planned import planned, success  # the tests' own small plans

from nst_core.engine.batch import LossPoint
from nst_core.run_folder.folder import RunFolder
from nst_core.run_folder.plan_table import Plan
from nst_core.run_folder.results import chunk_file, write_results
from nst_core.run_folder.status_counts import StatusCounter
from nst_core.run_folder.summary import summarize, write_summary

PER_PART, PER_ARTIST, IMAGE = 100, 2000, 4096


@dataclass(frozen=True)
class Step:
    """One command: seconds on the wall, of the processor, and its peak resident memory."""

    seconds: float
    cpu: float
    mib: float

    def __str__(self) -> str:
        return f"{self.seconds:.1f} s ({self.cpu:.1f} s) | {self.mib:.0f} MiB"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    options = parser.parse_args(arguments)
    print("| pairs | `nst verify` | peak | `nst status` | peak | first look | nothing new | ten parts new |")
    print("|---:|---:|---:|---:|---:|---:|---:|---:|")
    base = command(["--help"])
    print(f"| base | {base} | | | | | |")
    for count in options.pairs:
        with tempfile.TemporaryDirectory() as name:
            root = Path(name) / "run"
            make_run(root, count)
            verify, status = command(["verify", str(root)]), command(["status", str(root)])
            looks = [f"{1000 * seconds:.0f} ms" for seconds in watching(root)]
        print(f"| {count} | {verify} | {status} | {' | '.join(looks)} |", flush=True)


def watching(root: Path) -> Iterator[float]:
    """Seconds of the first look, of one at which nothing is new, and of one at which ten parts are."""
    counting = StatusCounter(root)
    for changed in (0, 0, 10):
        for path in sorted((root / "results").rglob("*.parquet"))[:changed]:
            path.touch()
        started = time.perf_counter()
        counting.count()
        yield time.perf_counter() - started


def command(arguments: Sequence[str]) -> Step:
    code = (
        "import sys, nst_core.run_folder.verify.verification, nst_core.plan.state; from flows.cli import main\n"
        "try: main()\n"
        "finally: print(next(line for line in open('/proc/self/status') if line.startswith('VmHWM')), file=sys.stderr)"
    )
    started, before = time.perf_counter(), os.times()
    run = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
    seconds, after = time.perf_counter() - started, os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return Step(seconds, cpu, int(run.stderr.split()[-2]) / 1024)


def make_run(root: Path, count: int) -> None:
    """A finished run folder of `count` pairs."""
    rows = [planned(pair_id=f"{number:016x}") for number in range(PER_PART)]
    plan, table = Plan.of(rows).table, _results_table(root, rows)
    image = bytes(range(256)) * (IMAGE // 256)
    planned_parts = []
    for start in range(0, count, PER_PART):
        slug, chunk = f"artist-{start // PER_ARTIST}", f"00000-{start // PER_PART:05d}"
        ids = [f"{number:016x}" for number in range(start, start + PER_PART)]
        names = [f"images/{slug}/{number}.jpg" for number in range(start, start + PER_PART)]
        (root / "images" / slug).mkdir(parents=True, exist_ok=True)
        hashes = []
        for number, name in enumerate(names, start):
            data = number.to_bytes(8) + image
            (root / name).write_bytes(data)
            hashes.append(hashlib.sha256(data).hexdigest())
        common = {"pair_id": ids, "chunk_id": [chunk] * PER_PART, "file_name": names}
        planned_parts.append(_changed(plan, {**common, "artist_slug": [slug] * PER_PART}))
        path = chunk_file(root, slug, chunk)
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(_changed(table, {**common, "output_sha256": hashes}), path, compression="zstd",
                       write_page_checksum=True)  # fmt: skip
    folder = RunFolder(root)
    folder.append_plan(0, planned_parts)
    (root / "run.yaml").write_text(yaml.safe_dump({"config": {}}))
    write_summary(root, summarize(root, folder.read_plan()))


def _results_table(root: Path, rows: Sequence[object]) -> pa.Table:
    trace = [LossPoint(10 * point, 1.0 / (1 + point), 2.0, 0.5, 3.0) for point in range(31)]
    path = root / "prototype.parquet"
    write_results([success(row, loss_trace=trace) for row in rows], path)  # type: ignore[arg-type]
    table = pq.ParquetFile(path).read()
    path.unlink()
    return table


def _changed(table: pa.Table, columns: dict[str, list[str]]) -> pa.Table:
    for name, values in columns.items():
        table = table.set_column(table.schema.get_field_index(name), name, pa.array(values, pa.string()))
    return table


if __name__ == "__main__":
    main()
