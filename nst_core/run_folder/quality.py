"""Quality rows of a run: what a judge said of each picture, in Parquet beside the results, a file per chunk."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from nst_core.storage.atomic import atomic_path
from nst_core.storage.paths import parquet_sources

FOLDER = "quality"


@dataclass(frozen=True)
class Measure:
    """A measure's name as people read it, and what its ends are.

    Attributes:
        meaning: the value of a perfect copy.
        larger_is_better: whether more of it is nearer to what it measures.
    """

    title: str
    meaning: str
    larger_is_better: bool = False


MEASURES = {
    "cfsd": Measure("Content lost (CFSD)", "0 is the content"),
    "ssim": Measure("Structure kept (SSIM)", "1 is the content", larger_is_better=True),
    "style_distance": Measure("Style distance (Gram)", "0 is the style"),
    "sliced_wasserstein": Measure("Style distance (sliced Wasserstein)", "0 is the style"),
    "colour_distance": Measure("Colour distance (ΔE)", "0 is the style's colours"),
}
"""The measures of `nst_core.engine.quality`, in its order."""

SCHEMA = pa.schema(
    [
        ("pair_id", pa.string()),
        ("judge", pa.string()),
        ("subject", pa.string()),
        *((name, pa.float64()) for name in MEASURES),
        ("judge_sha256", pa.string()),
        ("judge_size", pa.int32()),
        ("output_sha256", pa.string()),
        ("judged_at", pa.timestamp("us", tz="UTC")),
    ]
)
"""Columns of a quality file.

`subject` is `result`; in the file of the baselines it is `content` or `style`, which were judged in a result's place.
`judge_sha256` are the weights of the judge's network (null where it has none), `judge_size` the longest side, in
pixels, at which pictures were judged, `output_sha256` is that of the judged file.
"""


def quality_file(run_folder: Path, chunk_id: str) -> Path:
    """The path of a chunk's quality file."""
    return run_folder / FOLDER / f"part-{chunk_id}.parquet"


def baselines_file(run_folder: Path) -> Path:
    """The path of the file with the baselines."""
    return run_folder / FOLDER / "baselines.parquet"


def write_quality(records: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Write quality rows to their file, atomically."""
    table = pa.Table.from_pylist([dict(record) for record in records], schema=SCHEMA)
    with atomic_path(path) as temporary:
        pq.write_table(table, temporary, compression="zstd", write_page_checksum=True)


def read_quality_file(path: Path) -> pa.Table:
    """The rows of one quality file; empty where there is none or it is damaged: it will be made again."""
    return pa.concat_tables([SCHEMA.empty_table(), *_tables([path])])


def read_quality(run_folder: Path) -> pa.Table:
    """Each pair's newest row of all quality files, with the columns of `SCHEMA`; damaged files count as not there."""
    files = sorted((run_folder / FOLDER).glob("part-*.parquet"))
    table = pa.concat_tables([SCHEMA.empty_table(), *_tables(files)])
    table = table.take(pc.sort_indices(table, [("pair_id", "ascending"), ("judged_at", "descending")]))
    ids = table["pair_id"].combine_chunks()
    if len(ids) < 2:
        return table
    return pa.concat_tables([table.slice(0, 1), table.slice(1).filter(pc.not_equal(ids[1:], ids[:-1]))])


def with_quality(table: pa.Table, file: Path) -> pa.Table:
    """Rows of results (with `pair_id` and `output_sha256`) with the measures of their chunk's quality file.

    A measure is null where a picture was not judged, or another one was.
    """
    judged = read_quality_file(file)
    keys = pc.binary_join_element_wise(judged["pair_id"], judged["output_sha256"], "/").combine_chunks()
    places = pc.index_in(pc.binary_join_element_wise(table["pair_id"], table["output_sha256"], "/"), value_set=keys)
    for name in MEASURES:
        table = table.append_column(name, judged[name].combine_chunks().take(places))
    return table


def read_baselines(run_folder: Path) -> dict[str, dict[str, float]]:
    """By subject, `content` and `style`, the median of each measure; empty where nothing was judged."""
    by_subject: dict[str, list[dict[str, Any]]] = {}
    for row in read_quality_file(baselines_file(run_folder)).to_pylist():
        by_subject.setdefault(row["subject"], []).append(row)
    return {subject: medians(rows) for subject, rows in sorted(by_subject.items())}


def medians(rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """The median of each measure that rows have."""
    values = {name: [row[name] for row in rows if row[name] is not None] for name in MEASURES}
    return {name: statistics.median(some) for name, some in values.items() if some}


def _tables(files: Iterable[Path]) -> Iterator[pa.Table]:
    for _, source in parquet_sources(files):
        with suppress(pa.ArrowException, OSError, KeyError):
            yield pq.ParquetFile(source, page_checksum_verification=True).read(SCHEMA.names).cast(SCHEMA)
