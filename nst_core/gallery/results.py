"""What the gallery reads: one artist's rows of `results/` at a time, so that memory never holds a whole run."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from nst_core.gallery.sparkline import sparkline
from nst_core.results import result_files
from nst_core.storage import arrow_files

_TEXT = [
    "pair_id",
    "status",
    "error_class",
    "error_message",
    "content_path",
    "style_path",
    "file_name",
    "label",
    "split",
    "artist",
    "genre",
    "method",
    "features",
    "content_license",
    "style_license",
    "content_source_url",
]
_NUMBERS = [
    "width",
    "height",
    "size",
    "evaluations",
    "alpha",
    "beta",
    "content_loss",
    "style_loss",
    "total_loss",
    "seconds",
]
_POINT = pa.struct([("iteration", pa.int32()), *((name, pa.float32()) for name in ("content", "style", "tv", "total"))])
_SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in _TEXT),
        *((name, pa.float64()) for name in _NUMBERS),
        ("loss_trace", pa.list_(_POINT)),
    ]
)
_BATCH_ROWS = 1024
_PREFIX = "artist_slug="


@dataclass(frozen=True)
class StyleShare:
    """One of the styles of a pair; `share` is None where the manifest names none."""

    path: str
    share: float | None


@dataclass(frozen=True)
class Pair:
    """One finished pair, as its result row tells it; what the row leaves out is None."""

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
    loss_path: str
    loss_left: float | None
    """The share of its initial loss that is left: comparable between pairs, as the loss itself is not."""


@dataclass(frozen=True)
class ArtistResults:
    """The rows of one artist: the finished pairs as a light Arrow table, ordered by file name; the others counted."""

    slug: str
    name: str | None
    genres: tuple[str, ...]
    table: pa.Table
    left_out: Counter[tuple[str, str]]
    """(status, reason) of the rows without a picture."""

    def pairs(self, start: int, count: int) -> list[Pair]:
        """The finished pairs `start` to `start + count`, in order."""
        return [_pair(row) for row in self.table.slice(start, count).to_pylist()]


def artist_slugs(run_folder: Path) -> list[str]:
    """The partitions of `results/`, in order."""
    return sorted({file.parent.name.removeprefix(_PREFIX) for file in result_files(run_folder)})


def count_rows(run_folder: Path, slug: str) -> int:
    """How many rows an artist has; reads the files' footers only."""
    return int(_dataset(run_folder, slug).count_rows())


def read_artist(run_folder: Path, slug: str) -> ArtistResults:
    """Read one partition of `results/`. Loss traces are reduced to what a page shows while they stream by."""
    dataset = _dataset(run_folder, slug)
    done = pc.field("status") == "success"
    batches = [_reduced(batch) for batch in dataset.to_batches(filter=done, batch_size=_BATCH_ROWS) if batch.num_rows]
    table = pa.Table.from_batches(batches) if batches else _reduced(_empty_batch()).schema.empty_table()
    names = dataset.to_table(columns=["artist", "genre"])
    return ArtistResults(
        slug=slug,
        name=next(iter(_most_common(names["artist"])), None),
        genres=tuple(_most_common(names["genre"])),
        table=table.sort_by([("file_name", "ascending"), ("pair_id", "ascending")]),
        left_out=_left_out(dataset),
    )


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


def _dataset(run_folder: Path, slug: str) -> ds.Dataset:
    # The explicit schema keeps every file readable: missing columns are null, an all-null column is not a type of its
    # own, and a slug such as "1984" is not taken for a number, as discovery would.
    files = sorted((run_folder / "results" / f"{_PREFIX}{slug}").glob("part-*.parquet"))
    paths, system = arrow_files(files)
    return ds.dataset(paths, format="parquet", schema=_SCHEMA, filesystem=system)


def _empty_batch() -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist([], schema=_SCHEMA)


def _reduced(batch: pa.RecordBatch) -> pa.RecordBatch:
    drawn = [(sparkline(iteration, total), _loss_left(total)) for iteration, total in _traces(batch["loss_trace"])]
    light = batch.drop_columns(["loss_trace", "status", "error_class", "error_message"])
    light = light.append_column("loss_path", pa.array([path for path, _ in drawn], pa.string()))
    return light.append_column("loss_left", pa.array([left for _, left in drawn], pa.float64()))


def _traces(column: pa.ListArray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    points = column.flatten()
    iterations = points.field("iteration").to_numpy(zero_copy_only=False)
    totals = points.field("total").to_numpy(zero_copy_only=False)
    start = 0
    for length in pc.fill_null(pc.list_value_length(column), 0).to_pylist():
        yield iterations[start : start + length], totals[start : start + length]
        start += length


def _loss_left(total: np.ndarray) -> float | None:
    if len(total) < 2 or not np.isfinite(total[[0, -1]]).all() or total[0] <= 0:
        return None
    return float(total[-1] / total[0])


def _most_common(column: pa.ChunkedArray) -> list[str]:
    counted = [(entry["counts"], entry["values"]) for entry in pc.value_counts(column).to_pylist()]
    return [name for _, name in sorted(counted, key=lambda one: (-one[0], one[1] or "")) if name]


def _left_out(dataset: ds.Dataset) -> Counter[tuple[str, str]]:
    columns = ["status", "error_class", "error_message", "content_path", "style_path"]
    counted: Counter[tuple[str, str]] = Counter()
    left = pc.is_null(pc.field("status")) | (pc.field("status") != "success")
    for batch in dataset.to_batches(columns=columns, filter=left, batch_size=_BATCH_ROWS):
        counted.update((row["status"] or "unknown", _reason(row)) for row in batch.to_pylist())
    return counted


def _reason(row: dict[str, str | None]) -> str:
    """Why a row has no picture, naming files without their folders: a gallery is made to be handed on."""
    reason = row["error_message"] or row["error_class"] or "no reason given"
    for path in [row["content_path"], *(style.path for style in split_styles(row["style_path"]))]:
        if path:
            reason = reason.replace(path, PurePath(path).name)
    return reason


def _pair(row: dict[str, Any]) -> Pair:
    return Pair(styles=split_styles(row.pop("style_path")), **row)
