"""What the gallery reads: one artist's rows of `results/` at a time, so that memory never holds a whole run."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from nst_core.gallery.runs import Artist, Partition, Run
from nst_core.gallery.traces import Trace, reduced_traces
from nst_core.storage import arrow_files

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


@dataclass(frozen=True)
class StyleShare:
    """One of the styles of a pair; `share` is None where the manifest names none."""

    path: str
    share: float | None


@dataclass(frozen=True)
class Pair:
    """One finished pair, as its result row tells it; what the row leaves out is None."""

    run: Run
    pair_id: str
    content_path: str | None
    styles: tuple[StyleShare, ...]
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

    def pairs(self, start: int, count: int) -> list[Pair]:
        """The finished pairs `start` to `start + count`, in order."""
        runs = [partition.run for partition in self.artist.partitions]
        return [_pair(row, runs) for row in self.table.slice(start, count).to_pylist()]


def count_rows(artist: Artist) -> int:
    """How many rows an artist has; reads the files' footers only."""
    return sum(int(_dataset(partition).count_rows()) for partition in artist.partitions)


def read_artist(artist: Artist) -> ArtistResults:
    """Read one artist's partitions of `results/`. Loss traces are reduced to a curve's points while they stream by."""
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


def split_styles(text: str | None) -> tuple[StyleShare, ...]:
    """Take a manifest's style apart: `a.jpg@0.7;b.jpg@0.3` is a blend of two files, with shares."""
    if not text:
        return ()
    return tuple(_style_share(part.strip()) for part in text.split(";") if part.strip())


def display_name(path: str | None) -> str | None:
    """What people call a file: its name without folder and ending."""
    if not path:
        return None
    return PurePath(path).stem or path


def _style_share(part: str) -> StyleShare:
    match = re.fullmatch(r"(.+)@(\d*\.?\d+)", part, re.DOTALL)
    return StyleShare(match[1], float(match[2])) if match else StyleShare(part, None)


def _dataset(partition: Partition) -> ds.Dataset:
    # The explicit schema keeps every file readable: missing columns are null, an all-null column is not a type of its
    # own, and a slug such as "1984" is not taken for a number, as discovery would.
    paths, system = arrow_files(partition.files)
    return ds.dataset(paths, format="parquet", schema=_SCHEMA, filesystem=system)


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
    return re.sub(r"\d+", lambda digits: digits[0].zfill(12), (display_name(path) or "").casefold())


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
    for path in [row["content_path"], *(style.path for style in split_styles(row["style_path"]))]:
        if path:
            reason = reason.replace(path, PurePath(path).name)
    return reason


def _pair(row: dict[str, Any], runs: list[Run]) -> Pair:
    del row["order"]
    iterations, totals, left = (row.pop(name) for name in ("iterations", "totals", "loss_left"))
    trace = Trace(tuple(iterations), tuple(totals), left) if iterations else None
    return Pair(run=runs[row.pop("run")], styles=split_styles(row.pop("style_path")), trace=trace, **row)
