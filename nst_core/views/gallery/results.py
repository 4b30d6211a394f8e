"""The results of a gallery: one artist's rows at a time, so that memory never holds a whole run."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from nst_core.run_folder.finished_pairs import display_name
from nst_core.run_folder.quality import MEASURES, quality_file, with_quality
from nst_core.run_folder.results import chunk_of
from nst_core.run_folder.results_reader import read_results, successes
from nst_core.run_folder.style_columns import relative_shares
from nst_core.run_folder.without_folders import without_folders
from nst_core.views.gallery.traces import Trace, reduced_traces
from nst_core.views.runs import Artist, Run

_SHOWN = ("pair_id", "content_path", "style_path", "style_paths", "style_shares", "file_name", "label", "split",
          "artist", "genre", "method", "features", "content_license", "style_license", "content_source_url", "width",
          "height", "size", "evaluations", "alpha", "beta", "content_loss", "style_loss", "total_loss", "seconds",
          "loss_left", "output_sha256", "style_sha256")  # fmt: skip
_LEFT_OUT = ("status", "error_class", "error_message")
_COLUMNS = (*_SHOWN, *_LEFT_OUT, "loss_trace")


@dataclass(frozen=True)
class NamedShare:
    """One of the styles of a pair: its path, its share of a blend, 1 in all (None for the only one), and its bytes'."""

    path: str
    share: float | None
    sha256: str | None = None


@dataclass(frozen=True)
class GalleryPair:
    """One finished pair, as its result row has it; None where that has nothing.

    `loss_left` is the share of the initial loss that is left: comparable between pairs, as the loss itself is not.
    `quality` is what a judge said of the picture, by measure.
    """

    run: Run
    pair_id: str
    content_path: str | None
    styles: tuple[NamedShare, ...]
    file_name: str | None
    label: str | None
    split: str | None
    artist: str | None
    genre: str | None
    width: int | None
    height: int | None
    size: int | None
    evaluations: int | None
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
    output_sha256: str | None
    loss_left: float | None
    trace: Trace | None
    quality: Mapping[str, float]


@dataclass(frozen=True)
class ArtistResults:
    """The rows of one artist.

    Attributes:
        genres: the most frequent first.
        table: the finished pairs, ordered by the names of their contents.
        left_out: the other pairs by (status, reason).
    """

    artist: Artist
    genres: tuple[str, ...]
    table: pa.Table
    left_out: Counter[tuple[str, str]]

    @property
    def pictures(self) -> int:
        """The number of finished pairs."""
        return int(self.table.num_rows)

    def pairs(self, start: int, count: int) -> list[GalleryPair]:
        """The finished pairs `start` to `start + count`, in order."""
        runs = [partition.run for partition in self.artist.partitions]
        return [_pair(row, runs) for row in self.table.slice(start, count).to_pylist()]


def read_artist(artist: Artist) -> ArtistResults:
    """Read one artist's results files. Loss traces are reduced to a curve's points batch by batch."""
    tables, genres = list[pa.Table](), Counter[str]()
    left_out: Counter[tuple[str, str]] = Counter()
    keys = ("order", "style_path", "run", "pair_id")
    for number, partition in enumerate(artist.partitions):
        for part in read_results(partition.files, _COLUMNS, reduce=_without_trace):
            genres.update(_counts(part.table["genre"]))
            left_out.update(_left_out(part.table))
            finished = successes(part.table).drop_columns(_LEFT_OUT)
            finished = with_quality(finished, quality_file(partition.run.folder, chunk_of(part.path)))
            tables.append(finished.append_column("run", pa.repeat(number, len(finished))))
    table = pa.concat_tables(tables) if tables else pa.table({name: pa.array([], pa.string()) for name in keys})
    return ArtistResults(artist, tuple(_ordered(genres)), table.sort_by([(key, "ascending") for key in keys]), left_out)


def _without_trace(table: pa.Table) -> pa.Table:
    """A curve's points in place of the trace, and the key by which pairs are ordered."""
    traces = list(reduced_traces(table["loss_trace"]))
    added = {
        "iterations": pa.array([trace and trace.iterations for trace in traces], pa.list_(pa.int32())),
        "totals": pa.array([trace and trace.totals for trace in traces], pa.list_(pa.float32())),
        "order": pa.array([_order(path) for path in table["content_path"].to_pylist()], pa.string()),
    }
    table = table.drop_columns(["loss_trace"])
    for name, values in added.items():
        table = table.append_column(name, values)
    return table


def _order(path: str | None) -> str:
    """Names as people order them: `cat 9` before `Cat 10`."""
    return re.sub(r"\d+", lambda digits: digits[0].zfill(12), display_name(path or "").casefold())


def _counts(column: pa.ChunkedArray) -> dict[str, int]:
    return {entry["values"]: entry["counts"] for entry in pc.value_counts(column).to_pylist() if entry["values"]}


def _ordered(counted: Counter[str]) -> list[str]:
    return [name for name, _ in sorted(counted.items(), key=lambda one: (-one[1], one[0]))]


def _left_out(table: pa.Table) -> Counter[tuple[str, str]]:
    unfinished = table.filter(pc.not_equal(table["status"], "success").fill_null(True))
    rows = unfinished.select([*_LEFT_OUT, "content_path", "style_paths"]).to_pylist()
    return Counter((row["status"] or "unknown", _reason(row)) for row in rows)


def _reason(row: Mapping[str, Any]) -> str:
    """The reason why a row has no picture, without folders: a gallery is made to be handed on."""
    reason = row["error_message"] or row["error_class"] or "no reason given"
    return without_folders(reason, [row["content_path"], *row["style_paths"]])


def _pair(row: dict[str, Any], runs: list[Run]) -> GalleryPair:
    del row["order"], row["style_path"]
    iterations, totals, left = (row.pop(name) for name in ("iterations", "totals", "loss_left"))
    measured = {name: row.pop(name) for name in MEASURES}
    paths, shares, hashes = row.pop("style_paths"), row.pop("style_shares"), row.pop("style_sha256")
    known = [sha256 or None for sha256 in (hashes or "").split(";")]
    return GalleryPair(
        run=runs[row.pop("run")],
        styles=tuple(
            map(
                NamedShare,
                paths,
                relative_shares(shares) if len(paths) > 1 else [None],
                known if len(known) == len(paths) else [None] * len(paths),
            )
        ),
        loss_left=left if math.isfinite(left) else None,
        trace=Trace(tuple(iterations), tuple(totals)) if iterations else None,
        quality={name: value for name, value in measured.items() if value is not None},
        **row,
    )
