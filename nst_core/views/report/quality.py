"""The quality of a run's pictures in numbers, where they have been judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from nst_core.run_folder.quality import MEASURES, read_baselines, read_quality
from nst_core.views.report.quantiles import Quantiles, quantiles
from nst_core.views.report.rows import Detail, ReportRows, details, output_number

SHOWN = 4
"""Pairs that are shown as the best, and as the worst, by a measure."""

_BINS = 30


@dataclass(frozen=True)
class MeasuredPair:
    """A pair and what a measure says of its picture."""

    detail: Detail
    value: float


@dataclass(frozen=True)
class MeasureNumbers:
    """One measure over all judged pictures.

    Attributes:
        counts: of a histogram, whose bins lie between `edges`.
        content, style: the medians of contents and of styles in the pictures' place; None where they were not judged.
        best, worst: no pair is in both.
    """

    name: str
    title: str
    meaning: str
    spread: Quantiles
    counts: tuple[int, ...]
    edges: tuple[float, ...]
    content: float | None
    style: float | None
    best: tuple[MeasuredPair, ...]
    worst: tuple[MeasuredPair, ...]


@dataclass(frozen=True)
class QualityNumbers:
    """What a judge said of a run's pictures: `judged` of the successes."""

    judge: str
    judged: int
    measures: tuple[MeasureNumbers, ...]


def quality_numbers(run_folder: Path, rows: ReportRows) -> QualityNumbers | None:
    """The quality of the pictures that are there; None where none was judged."""
    table = read_quality(run_folder)
    table = table.take(_current_rows(table, rows))
    if not table.num_rows:
        return None
    places = pc.index_in(table["pair_id"], rows.table["pair_id"].combine_chunks()).to_numpy()
    baselines = read_baselines(run_folder)
    measures = (
        _measure(name, np.asarray(table[name].to_numpy(), np.float64), places, rows, baselines) for name in MEASURES
    )
    judges = sorted({name for name in table["judge"].to_pylist() if name})
    return QualityNumbers(" and ".join(judges), table.num_rows, tuple(one for one in measures if one))


def _current_rows(table: pa.Table, rows: ReportRows) -> pa.Array:
    """The rows of quality whose picture is that of a success of the run."""
    finished = rows.table.filter(pa.array(rows.having("success"))).select(["pair_id", "output"])
    output_of = dict(zip(finished["pair_id"].to_pylist(), finished["output"].to_pylist(), strict=True))
    judged = zip(table["pair_id"].to_pylist(), table["output_sha256"].to_pylist(), strict=True)
    current = [pair_id in output_of and output_of[pair_id] == output_number(sha256) for pair_id, sha256 in judged]
    return pa.array(np.flatnonzero(current))


def _measure(
    name: str,
    values: NDArray[np.float64],
    places: NDArray[np.int64],
    rows: ReportRows,
    baselines: Mapping[str, Mapping[str, float]],
) -> MeasureNumbers | None:
    spread = quantiles(name, values)
    if spread is None:
        return None
    known = np.flatnonzero(np.isfinite(values))
    order = known[np.argsort(values[known], kind="stable")]
    if MEASURES[name].larger_is_better:
        order = order[::-1]
    best = order[: min(SHOWN, -(-len(order) // 2))]
    worst = order[::-1][: min(SHOWN, len(order) - len(best))]
    counts, edges = np.histogram(values[known], bins=min(_BINS, max(5, len(known) // 4)))
    return MeasureNumbers(
        name,
        MEASURES[name].title,
        MEASURES[name].meaning,
        spread,
        tuple(counts.tolist()),
        tuple(edges.tolist()),
        baselines.get("content", {}).get(name),
        baselines.get("style", {}).get(name),
        *(
            tuple(map(MeasuredPair, details(rows, places[some].tolist()), values[some].tolist()))
            for some in (best, worst)
        ),
    )
