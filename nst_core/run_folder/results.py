"""Result rows: what became of each planned pair, as Parquet, one file per chunk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from nst_core.engine.optimisation import LossPoint
from nst_core.run_folder.plan_table import PlannedPair
from nst_core.run_folder.style_columns import parse_style_path
from nst_core.storage.atomic import atomic_path
from nst_core.storage.paths import parquet_source

Status = Literal["success", "failed", "quarantined", "skipped"]

PARTITION = "artist_slug"

_STYLE_LISTS = ("style_ids", "style_paths", "style_shares")

EXTRA_PREFIX = "x_"
"""Before the name of a column that a manifest or a source carries through."""

LOSS_TRACE = pa.list_(
    pa.struct(
        [
            ("iteration", pa.int32()),
            ("content", pa.float32()),
            ("style", pa.float32()),
            ("tv", pa.float32()),
            ("total", pa.float32()),
        ]
    )
)

SCHEMA = pa.schema(
    [
        ("pair_id", pa.string()),
        ("chunk_id", pa.string()),
        ("status", pa.string()),
        ("error_class", pa.string()),
        ("error_message", pa.string()),
        ("attempts", pa.int32()),
        ("content_path", pa.string()),
        ("style_path", pa.string()),
        ("style_ids", pa.list_(pa.string())),
        ("style_paths", pa.list_(pa.string())),
        ("style_shares", pa.list_(pa.float64())),
        ("file_name", pa.string()),
        ("split", pa.string()),
        ("label", pa.string()),
        ("artist", pa.string()),
        ("genre", pa.string()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("size", pa.int32()),
        ("iterations", pa.int32()),
        ("evaluations", pa.int32()),
        ("alpha", pa.float64()),
        ("beta", pa.float64()),
        ("tv_weight", pa.float64()),
        ("content_loss", pa.float64()),
        ("style_loss", pa.float64()),
        ("tv_loss", pa.float64()),
        ("total_loss", pa.float64()),
        ("loss_trace", LOSS_TRACE),
        ("seconds", pa.float64()),
        ("device", pa.string()),
        ("precision", pa.string()),
        ("peak_mem_mb", pa.float64()),
        ("seed", pa.int64()),
        ("method", pa.string()),
        ("features", pa.string()),
        ("weights_sha256", pa.string()),
        ("fingerprint", pa.string()),
        ("fingerprint_version", pa.int32()),
        ("code_version", pa.string()),
        ("content_sha256", pa.string()),
        ("style_sha256", pa.string()),
        ("output_sha256", pa.string()),
        ("content_license", pa.string()),
        ("content_source_url", pa.string()),
        ("style_license", pa.string()),
        ("created_at", pa.timestamp("us", tz="UTC")),
    ]
)
"""The columns of a result file; `artist_slug` is the partition, in the path only.

Extra ones of the manifest follow. They may differ between the files of one folder, when manifests of several runs do:
DuckDB then wants `union_by_name=true`.
"""


@dataclass(frozen=True)
class Result:
    """One row. Fields are the columns of `SCHEMA`; what a pair never got to (losses, a file) is None."""

    pair_id: str
    chunk_id: str
    status: Status
    attempts: int
    content_path: str
    style_path: str
    style_ids: tuple[str, ...] | None = None
    style_paths: tuple[str, ...] | None = None
    style_shares: tuple[float, ...] | None = None
    error_class: str | None = None
    error_message: str | None = None
    file_name: str | None = None
    split: str | None = None
    label: str | None = None
    artist: str | None = None
    genre: str | None = None
    width: int | None = None
    height: int | None = None
    size: int | None = None
    iterations: int | None = None
    evaluations: int | None = None
    alpha: float | None = None
    beta: float | None = None
    tv_weight: float | None = None
    content_loss: float | None = None
    style_loss: float | None = None
    tv_loss: float | None = None
    total_loss: float | None = None
    loss_trace: Sequence[LossPoint] | None = None
    seconds: float | None = None
    device: str | None = None
    precision: str | None = None
    peak_mem_mb: float | None = None
    seed: int | None = None
    method: str | None = None
    features: str | None = None
    weights_sha256: str | None = None
    fingerprint: str | None = None
    fingerprint_version: int | None = None
    code_version: str | None = None
    content_sha256: str | None = None
    style_sha256: str | None = None
    output_sha256: str | None = None
    content_license: str | None = None
    content_source_url: str | None = None
    style_license: str | None = None
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    extras: Mapping[str, str] = field(default_factory=dict)


def unfinished_result(row: PlannedPair, status: Status, attempts: int, error_class: str, message: str) -> Result:
    """The row of a pair of which nothing came."""
    return Result(
        pair_id=row.pair_id,
        chunk_id=row.chunk_id,
        status=status,
        attempts=attempts,
        error_class=error_class,
        error_message=message,
        **planned_columns(row),
    )


def planned_columns(row: PlannedPair) -> dict[str, Any]:
    """The columns that are known from the plan alone."""
    return {
        "content_path": row.content_path,
        "style_path": row.style_path,
        "style_ids": row.style_ids,
        "style_paths": row.style_paths,
        "style_shares": row.style_shares,
        "split": row.split,
        "label": row.label,
        "artist": row.artist,
        "genre": row.genre,
        "size": row.size,
        "seed": row.seed,
        "fingerprint": row.fingerprint,
        "content_sha256": row.content_sha256,
        "style_sha256": joined_hashes(row.style_sha256),
        "content_license": row.content_license,
        "content_source_url": row.content_source_url,
        "style_license": row.style_license,
        "extras": row.extras,
    }


def joined_hashes(hashes: Sequence[str | None]) -> str | None:
    """The hashes of a blend's styles in one cell, `;` between them; an unreadable one is empty, all of them None."""
    return ";".join(sha256 or "" for sha256 in hashes) or None


def chunk_file(run_folder: Path, artist_slug: str, chunk_id: str) -> Path:
    """Where the results of a chunk lie."""
    return run_folder / "results" / f"{PARTITION}={artist_slug}" / f"part-{chunk_id}.parquet"


def write_results(results: Sequence[Result], path: Path) -> None:
    """Write a chunk's rows to its file, atomically, in their order."""
    extras = sorted({name for result in results for name in result.extras})
    schema = pa.schema([*SCHEMA, *((EXTRA_PREFIX + name, pa.string()) for name in extras)])
    table = pa.Table.from_pylist([_record(result) for result in results], schema=schema)
    with atomic_path(path) as temporary:
        pq.write_table(table, temporary, compression="zstd", write_page_checksum=True)


def read_chunk(path: Path) -> dict[str, Result]:
    """The rows of one chunk's file by pair id; empty where there is none. Raises pyarrow.ArrowException if damaged."""
    try:
        source = parquet_source(path)
        if isinstance(source, Path) and not source.is_file():
            return {}
    except FileNotFoundError:
        return {}
    table = pq.ParquetFile(source, page_checksum_verification=True).read()
    return {record["pair_id"]: _result(record) for record in table.to_pylist()}


def result_files(run_folder: Path) -> Iterator[Path]:
    """Every result file of a run, in a fixed order.

    Folders that no slug names are passed over: from somebody else's `artist_slug=..` an artist's pages would be written
    beside the gallery, not in it.
    """
    found = (run_folder / "results").glob(f"{PARTITION}=*/part-*.parquet")
    yield from sorted(file for file in found if _names_a_folder(partition_slug(file)))


def partition_slug(file: Path) -> str:
    """The artist's slug, as the folder of a result file has it."""
    return file.parent.name.removeprefix(f"{PARTITION}=")


def _names_a_folder(slug: str) -> bool:
    return slug not in ("", ".", "..") and not any(mark in slug for mark in "/\\\0")


def _record(result: Result) -> dict[str, Any]:
    record = {**result.__dict__}
    record["loss_trace"] = [point.__dict__ for point in result.loss_trace] if result.loss_trace is not None else None
    return record | {EXTRA_PREFIX + name: value for name, value in result.extras.items()}


def _result(record: Mapping[str, Any]) -> Result:
    known: dict[str, Any] = {name: record.get(name) if name in _STYLE_LISTS else record[name] for name in SCHEMA.names}
    if known["style_paths"] is None:
        styles = parse_style_path(known["style_path"] or "")
        known |= {"style_paths": [style.name for style in styles], "style_shares": [style.share for style in styles]}
    known |= {name: tuple(known[name]) for name in _STYLE_LISTS if known[name] is not None}
    trace = known["loss_trace"]
    known["loss_trace"] = [LossPoint(**point) for point in trace] if trace is not None else None
    extras = {n.removeprefix(EXTRA_PREFIX): v for n, v in record.items() if n not in SCHEMA.names and v is not None}
    return Result(**known, extras=extras)
