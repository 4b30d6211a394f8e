"""The numbers of a report: what a run came to, as plain dataclasses that a page, Markdown or JSON can be made of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nst_core.views.report.failures import Reason
from nst_core.views.report.plain import plain
from nst_core.views.report.rows import Detail, ReportRows, details
from nst_core.views.report.run_file_in_words import Words, run_file_in_words
from nst_core.views.report.run_reader import ReadRun
from nst_core.views.report.spread import Spread, spread, spreads
from nst_core.views.report.throughput import RunThroughput, throughput_of
from nst_core.views.report.traces import TraceBand

NOT_STATED = "not stated"
_SHOWN = 10


@dataclass(frozen=True)
class Prices:
    """What an hour costs, in whatever it is paid in: of a GPU, of the whole machine."""

    per_gpu_hour: float | None = None
    per_hour: float | None = None


@dataclass(frozen=True)
class RunCost:
    """What a run took.

    Attributes:
        compute_seconds: summed over the images that are there, each with its share of its batch.
        wall_seconds: in which something was being made.
        gpu_hours: the compute of images that a GPU made.
        money: by the prices given; None where none is.
        image_bytes: of all files below images/; `bytes_per_image`: over the successes.
    """

    compute_seconds: float
    wall_seconds: float
    gpu_hours: float
    money: float | None
    image_bytes: int
    bytes_per_image: float | None


@dataclass(frozen=True)
class Device:
    """What one kind of device made; `peak_mb`: the most memory of one process there, in MiB."""

    name: str
    precision: str
    images: int
    seconds: float
    peak_mb: float | None


@dataclass(frozen=True)
class TriesTold:
    """What had to be tried again, from the journals."""

    chunks: int
    tries: int
    again: int
    failed: Mapping[str, int]
    lost: Mapping[str, int]
    killed: int
    given_up: int
    poison: int
    runners: Mapping[str, int]
    at_once: int


@dataclass(frozen=True)
class RunNumbers:
    """A run in numbers.

    Attributes:
        planned: pairs; None where the plan cannot be read.
        statuses: pairs by status, those without a row as `missing` where the plan tells.
        left: how the share of its initial loss that is left is spread over the pairs, `by_artist`, `by_method`.
        band: the course of the loss, over the pairs whose traces were looked at in the same iterations.
        other_traces: pairs with a trace that the band does not hold.
        spent: workers' seconds by what they were spent on.
        best, worst: the pairs with the least and the most loss left; no pair is in both.
        licenses: successes by licence of their content and of their style.
    """

    name: str
    asked: Words
    planned: int | None
    statuses: Mapping[str, int]
    reasons: tuple[Reason, ...]
    left: Spread | None
    by_artist: tuple[Spread, ...]
    by_method: tuple[Spread, ...]
    seconds_each: Spread | None
    band: TraceBand | None
    other_traces: int
    pace: RunThroughput
    spent: Mapping[str, float]
    devices: tuple[Device, ...]
    tries: TriesTold
    cost: RunCost
    best: tuple[Detail, ...]
    worst: tuple[Detail, ...]
    content_licenses: Mapping[str, int]
    style_licenses: Mapping[str, int]
    notes: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Everything, as JSON can say it: what is not finite is null."""
        return dict(plain(self))

    @property
    def success(self) -> int:
        return self.statuses.get("success", 0)


def run_numbers(run: ReadRun, prices: Prices | None = None) -> RunNumbers:
    """Count everything that a report tells of a run."""
    rows = run.rows
    success = rows.having("success")
    left, seconds = rows.numbers("loss_left"), rows.numbers("seconds")
    left[~success], seconds[~success] = np.nan, np.nan
    moments = rows.microseconds()
    pace = throughput_of(moments[success & (moments >= 0)] / 1e6, run.tries.intervals, run.tries.stops)
    bands = rows.traces.bands()
    best, worst = extremes(left)
    artist_codes, artists = rows.codes("artist")
    method_codes, methods = _methods(rows)
    return RunNumbers(
        name=run.name,
        asked=run_file_in_words(run.run_file),
        planned=run.plan.num_rows if run.plan is not None else None,
        statuses=_statuses(run),
        reasons=rows.messages.reasons(_unmade(rows)),
        left=spread("all", left),
        by_artist=spreads(left, artist_codes, [name or "unknown" for name in artists]),
        by_method=spreads(left, method_codes, methods),
        seconds_each=spread("all", seconds),
        band=bands[0] if bands else None,
        other_traces=sum(band.pairs for band in bands[1:]) + rows.traces.unusable,
        pace=pace,
        spent=dict(run.tries.spent),
        devices=_devices(rows.table.filter(pa.array(success))),
        tries=_tries(run),
        cost=_cost(run, seconds, pace, prices or Prices()),
        best=tuple(details(rows, best)),
        worst=tuple(details(rows, worst)),
        content_licenses=_counted(rows.table["content_license"].filter(pa.array(success))),
        style_licenses=_counted(rows.table["style_license"].filter(pa.array(success))),
        notes=tuple(run.notes),
    )


def extremes(values: np.ndarray, shown: int = _SHOWN) -> tuple[list[int], list[int]]:
    """Where the lowest and the highest finite values stand, most extreme first; none of them twice."""
    known = np.flatnonzero(np.isfinite(values))
    order = known[np.argsort(values[known], kind="stable")]
    low = min(shown, -(-len(order) // 2))
    high = min(shown, len(order) - low)
    return order[:low].tolist(), order[::-1][:high].tolist()


def _statuses(run: ReadRun) -> dict[str, int]:
    counted: Counter[str] = Counter(_counted(run.rows.table["status"], "unknown"))
    if run.plan is not None:
        counted["missing"] = run.plan.num_rows - len(run.rows)
    order = ("success", "failed", "quarantined", "skipped", "missing")
    return {name: counted[name] for name in (*order, *sorted(counted.keys() - set(order))) if name in counted}


def _unmade(rows: ReportRows) -> Counter[tuple[str, str]]:
    table = rows.table.filter(pa.array(~rows.having("success"))).select(["status", "error_class"])
    plain_names = pa.table({name: table[name].cast(pa.string()).fill_null("unknown") for name in table.column_names})
    grouped = plain_names.group_by(["status", "error_class"]).aggregate([([], "count_all")])
    return Counter({(row["status"], row["error_class"]): row["count_all"] for row in grouped.to_pylist()})


def _methods(rows: ReportRows) -> tuple[np.ndarray, list[str]]:
    """For each row the place of its method's name, which is that of the recipe and of its features."""
    recipe, recipes = rows.codes("method")
    features, names = rows.codes("features")
    pairs, codes = np.unique(np.stack([recipe, features], 1).reshape(-1, 2), axis=0, return_inverse=True)
    told = []
    for one, other in pairs.tolist():
        method, of = recipes[one] or "unknown", names[other]
        told.append(method if of is None or of in method else f"{method}, {of}")
    return np.ravel(codes), told


def _devices(made: pa.Table) -> tuple[Device, ...]:
    keys = {name: made[name].cast(pa.string()).fill_null("unknown") for name in ("device", "precision")}
    table = pa.table({**keys, "seconds": made["seconds"], "peak": made["peak_mem_mb"]})
    sums = [("seconds", "sum"), ("peak", "max"), ([], "count_all")]
    grouped = table.group_by(["device", "precision"]).aggregate(sums).to_pylist()
    return tuple(
        Device(row["device"], row["precision"], row["count_all"], row["seconds_sum"] or 0.0, row["peak_max"])
        for row in sorted(grouped, key=lambda row: (-row["count_all"], row["device"]))
    )


def _tries(run: ReadRun) -> TriesTold:
    told: dict[str, Any] = {name: getattr(run.tries, name) for name in TriesTold.__dataclass_fields__}
    return TriesTold(**told)


def _cost(run: ReadRun, seconds: np.ndarray, pace: RunThroughput, prices: Prices) -> RunCost:
    devices = run.rows.table["device"].cast(pa.string())
    on_gpu = np.asarray(pc.starts_with(devices, "cuda").fill_null(False))
    gpu_hours = float(np.nansum(seconds[on_gpu])) / 3600
    parts = []
    if prices.per_gpu_hour is not None:
        parts.append(prices.per_gpu_hour * gpu_hours)
    if prices.per_hour is not None:
        parts.append(prices.per_hour * pace.seconds / 3600)
    success = int(run.rows.having("success").sum())
    return RunCost(
        compute_seconds=float(np.nansum(seconds)),
        wall_seconds=pace.seconds,
        gpu_hours=gpu_hours,
        money=sum(parts) if parts else None,
        image_bytes=run.image_bytes,
        bytes_per_image=run.image_bytes / success if success else None,
    )


def _counted(column: pa.ChunkedArray, missing: str = NOT_STATED) -> dict[str, int]:
    names = column.cast(pa.string()).fill_null(missing)
    counted = {entry["values"]: entry["counts"] for entry in pc.value_counts(names).to_pylist()}
    return dict(sorted(counted.items(), key=lambda one: (-one[1], one[0])))
