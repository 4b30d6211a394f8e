"""Result rows: one for each planned pair, in Parquet, one file per chunk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from nst_core.run_folder.mask_names import shown_masks
from nst_core.run_folder.plan_table import PlannedPair
from nst_core.run_folder.style_columns import parse_style_path
from nst_core.storage.atomic import atomic_path
from nst_core.storage.paths import parquet_source
from nst_core.storage.secrets import redact_urls

if TYPE_CHECKING:
    from nst_core.engine.batch import LossPoint

Status = Literal["success", "failed", "quarantined", "skipped"]

PARTITION = "artist_slug"

_STYLE_LISTS = ("style_ids", "style_paths", "style_shares")
_PLANNED = ("content_path", "style_path", *_STYLE_LISTS, "split", "label", "artist", "genre", "size", "seed",
            "fingerprint", "content_sha256", "content_license", "content_source_url", "style_license",
            "extras")  # fmt: skip

EXTRA_PREFIX = "x_"
"""The prefix of columns that a manifest or a source carries through."""

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


@dataclass(frozen=True, kw_only=True)
class Result:
    """One row. Fields are the columns, in their order; values that a pair never got (losses, a file) are None.

    Attributes:
        style_ids, style_paths, style_shares: the styles as the plan has them; a row may be older than the columns.
        alpha, tv_weight: as they were in the objective, at the strength.
        extras: columns that a manifest or a source carries through, by their names without `EXTRA_PREFIX`.
    """

    pair_id: str
    chunk_id: str
    status: Status
    error_class: str | None = None
    error_message: str | None = None
    attempts: int
    content_path: str
    style_path: str
    style_ids: tuple[str, ...] | None = None
    style_paths: tuple[str, ...] | None = None
    style_shares: tuple[float, ...] | None = None
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


_TYPES = {
    "str": pa.string(),
    "Status": pa.string(),
    "int": pa.int32(),
    "float": pa.float64(),
    "datetime": pa.timestamp("us", tz="UTC"),
    "tuple[str, ...]": pa.list_(pa.string()),
    "tuple[float, ...]": pa.list_(pa.float64()),
    "Sequence[LossPoint]": LOSS_TRACE,
}

SCHEMA = pa.schema(
    [
        (column.name, pa.int64() if column.name == "seed" else _TYPES[str(column.type).removesuffix(" | None")])
        for column in fields(Result)
        if column.name != "extras"
    ]
)
"""The columns of a results file: the fields of `Result`. `artist_slug` is the partition, in the path only.

Extra ones of the manifest follow. They may differ between the files of one folder, when manifests of several runs do:
DuckDB then wants `union_by_name=true`.
"""


def unfinished_result(row: PlannedPair, status: Status, attempts: int, error_class: str, message: str) -> Result:
    """The row of a pair that has no image."""
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
    planned = {name: getattr(row, name) for name in _PLANNED}
    return planned | {"style_sha256": joined_hashes(row.style_sha256), "extras": shown_masks(row.extras)}


def joined_hashes(hashes: Sequence[str | None]) -> str | None:
    """The hashes of a blend's styles in one cell, `;` between them; an unreadable one is empty, all of them None."""
    return ";".join(sha256 or "" for sha256 in hashes) or None


def chunk_file(run_folder: Path, artist_slug: str, chunk_id: str) -> Path:
    """The path of a chunk's results file."""
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

    Folders whose names are no slugs are passed over: an artist's pages from `artist_slug=..` would be written outside
    of the gallery.
    """
    found = (run_folder / "results").glob(f"{PARTITION}=*/part-*.parquet")
    yield from sorted(file for file in found if _names_a_folder(partition_slug(file)))


def partition_slug(file: Path) -> str:
    """The artist's slug, as the folder of a result file has it."""
    return file.parent.name.removeprefix(f"{PARTITION}=")


def chunk_of(file: Path) -> str:
    """The id of the chunk whose rows a result file holds."""
    return file.stem.removeprefix("part-")


def _names_a_folder(slug: str) -> bool:
    return slug not in ("", ".", "..") and not any(mark in slug for mark in "/\\\0")


def _record(result: Result) -> dict[str, Any]:
    record = {**result.__dict__}
    for name in ("content_path", "style_path", "error_message", "content_source_url"):  # an old plan has them as given
        record[name] = record[name] and redact_urls(record[name])
    record["style_paths"] = record["style_paths"] and [redact_urls(path) for path in record["style_paths"]]
    record["loss_trace"] = [point.__dict__ for point in result.loss_trace] if result.loss_trace is not None else None
    return record | {EXTRA_PREFIX + name: redact_urls(value) for name, value in result.extras.items()}


def _result(record: Mapping[str, Any]) -> Result:
    from nst_core.engine.batch import LossPoint

    known: dict[str, Any] = {name: record.get(name) if name in _STYLE_LISTS else record[name] for name in SCHEMA.names}
    if known["style_paths"] is None:
        styles = parse_style_path(known["style_path"] or "")
        known |= {"style_paths": [style.name for style in styles], "style_shares": [style.share for style in styles]}
    known |= {name: tuple(known[name]) for name in _STYLE_LISTS if known[name] is not None}
    trace = known["loss_trace"]
    known["loss_trace"] = [LossPoint(**point) for point in trace] if trace is not None else None
    extras = {n.removeprefix(EXTRA_PREFIX): v for n, v in record.items() if n not in SCHEMA.names and v is not None}
    return Result(**known, extras=extras)
