"""Run folders as a run leaves them, without the run: small pictures, rows that describe them, a plan.

The fixtures are for the `conftest.py` of whoever needs them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from nst_core.run_folder.results import SCHEMA

PLAN = pa.schema(
    [
        ("pair_id", pa.string()),
        ("content_id", pa.string()),
        ("style_ids", pa.list_(pa.string())),
        ("style_shares", pa.list_(pa.float64())),
    ]
)
MakeRun = Callable[..., Path]


@pytest.fixture
def make_run(tmp_path: Path, make_image: Callable[..., Path]) -> MakeRun:
    """`make_run({...}, {...}, chunk=2)`: one image per dict, of columns that differ from the usual; so many a chunk."""

    def make(*rows: dict[str, Any], name: str = "run", chunk: int = 2, **config: Any) -> Path:
        root = tmp_path / name
        records = [_record(root, number, row, make_image) for number, row in enumerate(rows)]
        for start in range(0, len(records), chunk):
            _write_chunk(root / "results" / "artist_slug=monet" / f"part-{start:05d}.parquet", records[start:][:chunk])
        plan = [
            {
                "pair_id": r["pair_id"],
                "content_id": f"photos/{n}.jpg",
                "style_ids": r.get("style_ids", ["Monet/1.jpg"]),
                "style_shares": [1.0] * len(r.get("style_ids", ["Monet/1.jpg"])),
            }
            for n, r in enumerate(records)
        ]
        (root / "plan").mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.Table.from_pylist(plan, schema=PLAN), root / "plan" / "part-00000.parquet")
        content = config.get("content", {"source": "folder", "path": "/home/somebody/photos"})
        told = {
            "config": {"name": name, "content": content, "method": {"recipe": "wavelet"}},
            "method_fingerprint": "f00",
        }
        (root / "run.yaml").write_text(yaml.safe_dump(told))
        return root

    return make


def _record(root: Path, number: int, row: dict[str, Any], make_image: Callable[..., Path]) -> dict[str, Any]:
    pair_id = hashlib.sha256(str(number).encode()).hexdigest()[:16]
    width, height = row.get("width", 24), row.get("height", 16)
    record = {
        "pair_id": pair_id,
        "status": "success",
        "content_path": f"/home/somebody/photos/{number}.jpg",
        "style_path": "/home/somebody/art/Monet/1.jpg",
        "file_name": f"images/{number}--monet--{pair_id[:8]}.png",
        "artist": "Monet",
        "width": width,
        "height": height,
        "total_loss": number / 8,
        "seed": number,
        "content_license": "CC-BY-2.0",
        "style_license": "CC0-1.0",
        "created_at": datetime(2026, 1, 2, tzinfo=UTC),
    } | row
    path = root / f"images/{number}--monet--{pair_id[:8]}.png"
    make_image(path, width, height, seed=number)
    record.setdefault("output_sha256", hashlib.sha256(path.read_bytes()).hexdigest())
    return record


def _write_chunk(path: Path, records: list[dict[str, Any]]) -> None:
    extras = sorted({name for record in records for name in record if name.startswith("x_")})
    path.parent.mkdir(parents=True, exist_ok=True)
    schema = pa.schema([*SCHEMA, *((name, pa.string()) for name in extras)])
    pq.write_table(pa.Table.from_pylist(records, schema=schema), path)


@pytest.fixture
def files_of() -> Callable[[Path], dict[str, bytes]]:
    """The bytes of every file in a folder, by name."""
    return lambda folder: {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
