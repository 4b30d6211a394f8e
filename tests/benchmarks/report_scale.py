"""How `nst report` grows: over finished run folders of synthetic rows.

    python tests/benchmarks/report_scale.py --pairs 1000 10000 100000

Rows have traces of 31 points, 100 rows per result file, 2 000 per artist; two of a hundred have failed or are
quarantined, each with a message of its own. Images are links to real pictures. Each figure is of a process of its own,
once it has imported all that it needs (seconds and some 700 MiB, most of them PyTorch's): wall time (processor time),
and by how much its peak resident memory grew.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1] / "nst_core"))
from planned import planned, success  # the tests' own small plans

from nst_core.run_folder.folder import RunFolder
from nst_core.run_folder.plan_table import Plan
from nst_core.run_folder.results import LOSS_TRACE, chunk_file, write_results

PER_PART, PER_ARTIST, POINTS, CONTENTS = 100, 2000, 31, 50
BEGUN = datetime(2026, 1, 1, tzinfo=UTC)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    options = parser.parse_args(arguments)
    print("| pairs | first report | peak | again | peak | against itself | peak | page |")
    print("|---:|---:|---:|---:|---:|---:|---:|---:|")
    for count in options.pairs:
        with tempfile.TemporaryDirectory() as name:
            root = Path(name) / "run"
            make_run(root, count)
            steps = [report(root), report(root), report(root, root, Path(name) / "against")]
            page = (root / "report" / "index.html").stat().st_size
        print(f"| {count} | {' | '.join(map(str, steps))} | {page / 1000:.0f} kB |", flush=True)


def report(*paths: Path) -> str:
    """Seconds and growth of a process that makes a report of the run, against the other, into the folder."""
    code = (
        "import resource, sys, time; from pathlib import Path; from nst_core.views.report import build_report\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024\n"
        "before, started, used = peak(), time.perf_counter(), time.process_time()\n"
        "build_report(*map(Path, sys.argv[1:]))\n"
        "seconds, cpu = time.perf_counter() - started, time.process_time() - used\n"
        "print(f'{seconds:.1f} s ({cpu:.1f} s) | {peak() - before:.0f} MiB')"
    )
    arguments = [sys.executable, "-c", code, *map(str, paths)]
    return subprocess.run(arguments, capture_output=True, text=True, check=True).stdout.strip()


def make_run(root: Path, count: int) -> None:
    """A finished run folder of `count` pairs."""
    rng = np.random.default_rng(0)
    contents = list(_pictures(root.parent, rng))
    rows = [
        planned(pair_id=f"{number:016x}", content_path=str(contents[number % CONTENTS])) for number in range(PER_PART)
    ]
    plan, table = Plan.of(rows).table, _table(root, rows)
    parts = []
    for part, start in enumerate(range(0, count, PER_PART)):
        slug, chunk, numbers = f"artist-{start // PER_ARTIST}", f"00000-{part:05d}", range(start, start + PER_PART)
        names = [f"images/{slug}/{number}.jpg" for number in numbers]
        (root / "images" / slug).mkdir(parents=True, exist_ok=True)
        for number, name in zip(numbers, names, strict=True):
            os.link(contents[number % CONTENTS], root / name)
        common = {"pair_id": [f"{n:016x}" for n in numbers], "chunk_id": [chunk] * PER_PART, "file_name": names}
        common["artist"] = [slug] * PER_PART
        ids = [f"{number}.jpg" for number in numbers]
        parts.append(_changed(plan, {**common, "artist_slug": [slug] * PER_PART, "content_id": ids}))
        path = chunk_file(root, slug, chunk)
        path.parent.mkdir(parents=True, exist_ok=True)
        made = _made(_changed(table, {**common, "output_sha256": [f"{n:064x}" for n in numbers]}), start, rng)
        pq.write_table(made, path, compression="zstd", write_page_checksum=True)
        _journal(root, chunk, part)
    RunFolder(root).append_plan(0, parts)
    (root / "run.yaml").write_text(yaml.safe_dump({"config": {"name": "run"}}))


def _pictures(folder: Path, rng: np.random.Generator) -> Iterator[Path]:
    for number in range(CONTENTS):
        path = folder / f"content-{number}.jpg"
        Image.fromarray(rng.integers(0, 255, (192, 256, 3), np.uint8)).save(path)
        yield path


def _table(root: Path, rows: Sequence[object]) -> pa.Table:
    path = root / "prototype.parquet"
    write_results([success(row, method="fast", features="squeezenet1_0") for row in rows], path)  # type: ignore[arg-type]
    table = pq.ParquetFile(path).read()
    path.unlink()
    return table


def _made(table: pa.Table, start: int, rng: np.random.Generator) -> pa.Table:
    """A part's rows with losses, times and statuses of their own."""
    totals = np.exp(-np.linspace(0, 1, POINTS) * rng.uniform(1, 5, (PER_PART, 1))).ravel().astype(np.float32)
    names = ("content", "style", "tv", "total")
    points = pa.StructArray.from_arrays(
        [
            pa.array(np.tile(np.arange(0, 10 * POINTS, 10, dtype=np.int32), PER_PART)),
            *(pa.array(totals) for _ in names),
        ],
        fields=list(LOSS_TRACE.value_type),
    )
    traces = pa.ListArray.from_arrays(pa.array(np.arange(0, PER_PART * POINTS + 1, POINTS, dtype=np.int32)), points)
    failed = np.arange(PER_PART) < 2
    message = [f"content-{start + n}.jpg: the file ends early" if bad else None for n, bad in enumerate(failed)]
    columns = {
        "loss_trace": traces.cast(LOSS_TRACE),
        "total_loss": pa.array(totals[POINTS - 1 :: POINTS].astype(np.float64)),
        "seconds": pa.array(rng.uniform(1, 2, PER_PART)),
        "status": pa.array(np.where(failed, np.array(["failed", "quarantined"])[np.arange(PER_PART) % 2], "success")),
        "error_class": pa.array(
            ["OSError" if n == 0 else "TruncatedImage" if n == 1 else None for n in range(PER_PART)]
        ),
        "error_message": pa.array(message, pa.string()),
        "created_at": pa.array(
            [BEGUN + timedelta(seconds=start + n) for n in range(PER_PART)], table["created_at"].type
        ),
    }
    for name, values in columns.items():
        table = table.set_column(table.schema.get_field_index(name), name, values)
    return table


def _journal(root: Path, chunk: str, part: int) -> None:
    begun = BEGUN + timedelta(seconds=part * PER_PART)
    ended = begun + timedelta(seconds=PER_PART)
    spent = {"decode": 3.0, "compute": 90.0, "encode": 4.0, "write": 5.0, "wait": 1.0}
    events = [{"event": "start", "at": begun.isoformat(), "crew": "thread"},
              {"event": "end", "at": ended.isoformat(), "seconds": 100.0, "spent": spent}]  # fmt: skip
    path = root / "logs" / f"{chunk}.jsonl"
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(json.dumps(event) + "\n" for event in events))


def _changed(table: pa.Table, columns: dict[str, list[str]]) -> pa.Table:
    for name, values in columns.items():
        table = table.set_column(table.schema.get_field_index(name), name, pa.array(values, pa.string()))
    return table


if __name__ == "__main__":
    main()
