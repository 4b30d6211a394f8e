"""What the gallery reads: one artist's rows of `results/` at a time, so that memory never holds a whole run."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from nst_core.run_folder.finished_pairs import FilesThere, display_name, shares_of, styles_of
from nst_core.run_folder.without_folders import without_folders
from nst_core.storage.paths import arrow_files, parquet_source
from nst_core.views.gallery.traces import Trace, reduced_traces
from nst_core.views.runs import Artist, Partition, Run

_TEXT = ["pair_id", "status", "error_class", "error_message", "content_path", "style_path", "file_name", "label",
         "split", "artist", "genre", "method", "features", "content_license", "style_license",
         "content_source_url"]  # fmt: skip
_NUMBERS = ["width", "height", "size", "evaluations", "alpha", "beta", "content_loss", "style_loss", "total_loss",
            "seconds"]  # fmt: skip
_POINT = pa.struct([("iteration", pa.int32()), *((name, pa.float32()) for name in ("content", "style", "tv", "total"))])
_SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in _TEXT),
        *((name, pa.float64()) for name in _NUMBERS),
        ("loss_trace", pa.list_(_POINT)),
    ]
)
_ADDED = (
    ("iterations", pa.list_(pa.int32())),
    ("totals", pa.list_(pa.float32())),
    ("loss_left", pa.float64()),
    ("order", pa.string()),
    ("run", pa.int32()),
)
_BATCH_ROWS = 1024
_PARQUET = ds.ParquetFileFormat(
    default_fragment_scan_options=ds.ParquetFragmentScanOptions(page_checksum_verification=True)
)


@dataclass(frozen=True)
class NamedShare:
    """One of the styles of a pair; `share` is that of a blend, 1 in all, and None of a style that is alone."""

    path: str
    share: float | None


@dataclass(frozen=True)
class GalleryPair:
    """One finished pair, as its result row tells it; what the row leaves out is None."""

    run: Run
    pair_id: str
    content_path: str | None
    styles: tuple[NamedShare, ...]
    file_name: str | None
    label: str | None
    split: str | None
    artist: str | None
    genre: str | None
    width: float | None
    height: float | None
    size: float | None
    evaluations: float | None
    alpha: float | None
    beta: float | None
    content_loss: float | None
    style_loss: float | None
    total_loss: float | None
    seconds: float | None
    method: str | None
    features: str | None
    content_license: str | None
    style_license: str | None
    content_source_url: str | None
    trace: Trace | None


@dataclass(frozen=True)
class ArtistResults:
    """The rows of one artist: the finished pairs as a light Arrow table, ordered by name; the others counted."""

    artist: Artist
    genres: tuple[str, ...]
    table: pa.Table
    left_out: Counter[tuple[str, str]]
    """(status, reason) of the rows without a picture."""

    @property
    def pictures(self) -> int:
        """How many pairs are finished."""
        return int(self.table.num_rows)

    def pairs(self, start: int, count: int) -> list[GalleryPair]:
        """The finished pairs `start` to `start + count`, in order."""
        runs, there = [partition.run for partition in self.artist.partitions], FilesThere()
        return [_pair(row, runs, there) for row in self.table.slice(start, count).to_pylist()]


def read_artist(artist: Artist) -> ArtistResults:
    """Read one artist's partitions of `results/`. Loss traces are reduced to a curve's points while they stream by.

    A damaged file counts as not there: its chunk is made again.
    """
    try:
        return _read(artist)
    except (pa.ArrowException, OSError):
        return _read(_sound(artist))


def _read(artist: Artist) -> ArtistResults:
    tables, genres = [], Counter[str]()
    left_out: Counter[tuple[str, str]] = Counter()
    for number, partition in enumerate(artist.partitions):
        dataset = _dataset(partition)
        tables.append(_finished(dataset, number))
        genres.update(_counts(dataset.to_table(columns=["genre"])["genre"]))
        left_out.update(_left_out(dataset))
    keys = ("order", "style_path", "run", "pair_id")
    table = pa.concat_tables(tables).sort_by([(key, "ascending") for key in keys])
    return ArtistResults(artist, tuple(_ordered(genres)), table, left_out)


def _sound(artist: Artist) -> Artist:
    """The artist with those files that can be read from end to end."""
    partitions = (
        replace(partition, files=tuple(file for file in partition.files if _can_be_read(file)))
        for partition in artist.partitions
    )
    return replace(artist, partitions=tuple(partitions))


def _can_be_read(file: Path) -> bool:
    try:
        source = parquet_source(file)
        _PARQUET.make_fragment(pa.OSFile(str(source)) if isinstance(source, Path) else source).to_table(schema=_SCHEMA)
    except (pa.ArrowException, OSError):
        return False
    return True


def _dataset(partition: Partition) -> ds.Dataset:
    # The explicit schema keeps every file readable: missing columns are null, an all-null column is not a type of its
    # own, and a slug such as "1984" is not taken for a number, as discovery would.
    paths, system = arrow_files(partition.files)
    return ds.dataset(paths, format=_PARQUET, schema=_SCHEMA, filesystem=system)


def _finished(dataset: ds.Dataset, run: int) -> pa.Table:
    done = pc.field("status") == "success"
    batches = [
        _reduced(batch, run) for batch in dataset.to_batches(filter=done, batch_size=_BATCH_ROWS) if batch.num_rows
    ]
    empty = pa.RecordBatch.from_pylist([], schema=_SCHEMA)
    return pa.Table.from_batches(batches or [_reduced(empty, run)])


def _reduced(batch: pa.RecordBatch, run: int) -> pa.RecordBatch:
    traces = list(reduced_traces(batch["loss_trace"]))
    added = (
        [trace.iterations if trace else None for trace in traces],
        [trace.totals if trace else None for trace in traces],
        [trace.loss_left if trace else None for trace in traces],
        [_order(path) for path in batch["content_path"].to_pylist()],
        [run] * batch.num_rows,
    )
    light = batch.drop_columns(["loss_trace", "status", "error_class", "error_message"])
    for (name, kind), values in zip(_ADDED, added, strict=True):
        light = light.append_column(name, pa.array(values, kind))
    return light


def _order(path: str | None) -> str:
    """Names as people order them: `cat 9` before `Cat 10`."""
    return re.sub(r"\d+", lambda digits: digits[0].zfill(12), display_name(path or "").casefold())


def _counts(column: pa.ChunkedArray) -> dict[str, int]:
    return {entry["values"]: entry["counts"] for entry in pc.value_counts(column).to_pylist() if entry["values"]}


def _ordered(counted: Counter[str]) -> list[str]:
    return [name for name, _ in sorted(counted.items(), key=lambda one: (-one[1], one[0]))]


def _left_out(dataset: ds.Dataset) -> Counter[tuple[str, str]]:
    columns = ["status", "error_class", "error_message", "content_path", "style_path"]
    counted: Counter[tuple[str, str]] = Counter()
    left = pc.is_null(pc.field("status")) | (pc.field("status") != "success")
    for batch in dataset.to_batches(columns=columns, filter=left, batch_size=_BATCH_ROWS):
        counted.update((row["status"] or "unknown", _reason(row)) for row in batch.to_pylist())
    return counted


def _reason(row: Mapping[str, str | None]) -> str:
    """Why a row has no picture, naming files without their folders: a gallery is made to be handed on."""
    reason = row["error_message"] or row["error_class"] or "no reason given"
    return without_folders(reason, row["content_path"], row["style_path"])


def _pair(row: dict[str, Any], runs: list[Run], there: FilesThere) -> GalleryPair:
    del row["order"]
    iterations, totals, left = (row.pop(name) for name in ("iterations", "totals", "loss_left"))
    trace = Trace(tuple(iterations), tuple(totals), left) if iterations else None
    styles = _styles(row.pop("style_path") or "", there)
    return GalleryPair(run=runs[row.pop("run")], styles=styles, trace=trace, **row)


def _styles(cell: str, there: FilesThere) -> tuple[NamedShare, ...]:
    styles = styles_of(cell, there)
    if len(styles) == 1:
        return (NamedShare(styles[0].name, None),)
    return tuple(NamedShare(style.name, share) for style, share in zip(styles, shares_of(styles), strict=True))
