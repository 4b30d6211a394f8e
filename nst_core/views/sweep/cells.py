"""The pictures and numbers of a sweep, read from the run folders of its variants."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nst_core.run_folder.own_files import own_file_or_none
from nst_core.run_folder.quality import MEASURES, read_quality
from nst_core.run_folder.results import result_files
from nst_core.run_folder.results_reader import read_results
from nst_core.run_folder.without_folders import without_folders
from nst_core.views.gallery.traces import Trace, reduced_traces
from nst_core.views.sweep.sweep_table import ShownVariant, SweepTable

_READ = ("pair_id", "status", "error_class", "error_message", "content_path", "style_paths", "file_name", "width",
         "height", "evaluations", "content_loss", "style_loss", "total_loss", "seconds", "output_sha256",
         "loss_trace")  # fmt: skip


@dataclass(frozen=True)
class NumberColumn:
    """A number of the table of variants: its title, what its ends are, and which is better (`more`, `less`), if any."""

    name: str
    title: str
    meaning: str = ""
    better: str = ""


COLUMNS = (
    *(
        NumberColumn(name, one.title, one.meaning, "more" if one.larger_is_better else "less")
        for name, one in MEASURES.items()
    ),
    NumberColumn("content_loss", "Content loss"),
    NumberColumn("style_loss", "Style loss"),
    NumberColumn("total_loss", "Loss"),
    NumberColumn("seconds", "Seconds", "per picture", "less"),
)
"""Losses have no better end: their weights and layers may be what the sweep goes over."""


@dataclass(frozen=True)
class SweepCell:
    """A variant's picture of a pair.

    Attributes:
        picture: its file; None where there is none.
        reason: why there is none, or what is not known of it.
        numbers: by the names of `COLUMNS`, as far as they are known.
    """

    picture: Path | None
    reason: str
    size: tuple[int, int]
    numbers: Mapping[str, float]
    evaluations: int | None
    trace: Trace | None


_UNMADE = SweepCell(None, "not made yet", (4, 3), {}, None, None)


def read_cells(sweep: SweepTable) -> list[tuple[SweepCell, ...]]:
    """The cells of each variant, one per pair."""
    return [_cells_of(variant, len(sweep.pairs), sweep.judge) for variant in sweep.variants]


def medians(cells: Iterable[SweepCell]) -> dict[str, float]:
    """The median of each number that any cell has."""
    cells = list(cells)
    values = {column.name: [cell.numbers[column.name] for cell in cells if column.name in cell.numbers]
              for column in COLUMNS}  # fmt: skip
    return {name: statistics.median(some) for name, some in values.items() if some}


def best_places(numbers: Sequence[Mapping[str, float]], column: NumberColumn) -> list[int]:
    """The places of the best value of a column; none where it has no better end, or all are alike."""
    known = [one[column.name] for one in numbers if column.name in one]
    if not column.better or len(set(known)) < 2:
        return []
    best = max(known) if column.better == "more" else min(known)
    return [place for place, one in enumerate(numbers) if one.get(column.name) == best]


def _cells_of(variant: ShownVariant, pairs: int, judge: str | None) -> tuple[SweepCell, ...]:
    if not variant.pair_ids:
        return (_UNMADE,) * pairs
    wanted, folder = set(variant.pair_ids), variant.run_folder
    judged = {row["pair_id"]: row for row in read_quality(folder).to_pylist() if row["judge"] == judge}
    found: dict[str, SweepCell] = {}
    for part in read_results(result_files(folder), _READ):
        traces = reduced_traces(part.table["loss_trace"])
        for row, trace in zip(part.table.drop_columns(["loss_trace"]).to_pylist(), traces, strict=True):
            if row["pair_id"] in wanted:
                found[row["pair_id"]] = _cell(folder, row, trace, judged.get(row["pair_id"], {}))
    return tuple(found.get(pair_id, _UNMADE) for pair_id in variant.pair_ids)


def _cell(folder: Path, row: Mapping[str, Any], trace: Trace | None, quality: Mapping[str, Any]) -> SweepCell:
    if row["status"] != "success":
        said = row["error_message"] or row["error_class"] or "no reason given"
        reason = without_folders(said, [row["content_path"], *row["style_paths"]])
        return SweepCell(None, f"{row['status']}: {reason}", (4, 3), {}, None, None)
    if quality.get("output_sha256") != row["output_sha256"]:
        quality = {}
    numbers = {column.name: row.get(column.name, quality.get(column.name)) for column in COLUMNS}
    return SweepCell(
        own_file_or_none(folder, row["file_name"]),
        "its file is not available",
        (row["width"] or 4, row["height"] or 3),
        {name: float(value) for name, value in numbers.items() if value is not None and math.isfinite(value)},
        row["evaluations"],
        trace,
    )
