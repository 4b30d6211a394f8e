"""The numbers of a report: dataclasses that a page, Markdown and JSON are made of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nst_core.run_folder.card import mapping_in
from nst_core.run_folder.folder import FILES_LEFT_OUT
from nst_core.sources.left_out import left_out_sentence
from nst_core.views.report.failures import Reason
from nst_core.views.report.quality import QualityNumbers, quality_numbers
from nst_core.views.report.quantiles import Quantiles, quantiles, quantiles_by_name
from nst_core.views.report.rows import Detail, ReportRows, details
from nst_core.views.report.run_reader import ReadRun
from nst_core.views.report.settings_in_words import Words, settings_in_words
from nst_core.views.report.throughput import RunThroughput, throughput_of
from nst_core.views.report.traces import TraceBand
from nst_core.views.web import json_value

NOT_STATED = "not stated"
_SHOWN = 10


@dataclass(frozen=True)
class Prices:
    """The price of an hour of a GPU, and of the whole machine, in any currency."""

    per_gpu_hour: float | None = None
    per_hour: float | None = None


@dataclass(frozen=True)
class RunCost:
    """The cost of a run.

    Attributes:
        compute_seconds: summed over the images that are there, each with its share of its batch.
        wall_seconds: of all work sessions.
        gpu_hours: compute of the images that a GPU made.
        money: by the prices given; None without a price.
        image_bytes: of all files below images/; `bytes_per_image`: the same over the successes.
    """

    compute_seconds: float
    wall_seconds: float
    gpu_hours: float
    money: float | None
    image_bytes: int
    bytes_per_image: float | None


@dataclass(frozen=True)
class Device:
    """The images of one kind of device; `peak_mb`: the most memory of one process there, in MiB."""

    name: str
    precision: str
    images: int
    seconds: float
    peak_mb: float | None


@dataclass(frozen=True)
class TryCounts:
    """Counts of the tries of chunks, from the journals; see `Tries`."""

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
        left: quantiles of the share of the initial loss that is left, over all pairs, `by_artist` and `by_method`.
        band: the course of the loss, over the pairs whose traces have the same iterations.
        other_traces: pairs with another trace, or with none.
        spent: workers' seconds by kind of work.
        best, worst: the pairs with the least and the most loss left; no pair is in both.
        quality: what a judge said of the pictures; None where none was judged.
        licenses: successes by licence of their content and of their style.
    """

    name: str
    asked: Words
    planned: int | None
    statuses: Mapping[str, int]
    reasons: tuple[Reason, ...]
    left: Quantiles | None
    by_artist: tuple[Quantiles, ...]
    by_method: tuple[Quantiles, ...]
    seconds_each: Quantiles | None
    band: TraceBand | None
    other_traces: int
    pace: RunThroughput
    spent: Mapping[str, float]
    devices: tuple[Device, ...]
    tries: TryCounts
    cost: RunCost
    best: tuple[Detail, ...]
    worst: tuple[Detail, ...]
    quality: QualityNumbers | None
    content_licenses: Mapping[str, int]
    style_licenses: Mapping[str, int]
    notes: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """All fields as values for JSON: what is not finite is null."""
        return dict(json_value(self))

    @property
    def success(self) -> int:
        return self.statuses.get("success", 0)


def run_numbers(run: ReadRun, prices: Prices | None = None) -> RunNumbers:
    """The numbers of a run."""
    rows = run.rows
    success = rows.having("success")
    left, seconds = rows.numbers("loss_left"), rows.numbers("seconds")
    left[~success], seconds[~success] = np.nan, np.nan
    moments = rows.microseconds()
    pace = throughput_of(moments[success & (moments >= 0)] / 1e6, run.tries.intervals, run.tries.stops)
    bands = rows.traces.bands()
    best, worst = _extremes(left)
    artist_codes, artists = rows.codes("artist")
    method_codes, methods = _methods(rows)
    return RunNumbers(
        name=run.name,
        asked=settings_in_words(run.run_yaml),
        planned=run.plan.num_rows if run.plan is not None else None,
        statuses=_status_counts(run),
        reasons=rows.messages.reasons(_reason_counts(rows)),
        left=quantiles("all", left),
        by_artist=quantiles_by_name(left, artist_codes, [name or "unknown" for name in artists]),
        by_method=quantiles_by_name(left, method_codes, methods),
        seconds_each=quantiles("all", seconds),
        band=bands[0] if bands else None,
        other_traces=sum(band.pairs for band in bands[1:]) + rows.traces.unusable,
        pace=pace,
        spent=dict(run.tries.spent),
        devices=_devices(rows.table.filter(pa.array(success))),
        tries=TryCounts(**{name: getattr(run.tries, name) for name in TryCounts.__dataclass_fields__}),
        cost=_cost(run, seconds, pace, prices or Prices()),
        best=tuple(details(rows, best)),
        worst=tuple(details(rows, worst)),
        quality=quality_numbers(run.folder, rows),
        content_licenses=_value_counts(rows.table["content_license"].filter(pa.array(success))),
        style_licenses=_value_counts(rows.table["style_license"].filter(pa.array(success))),
        notes=(*run.notes, *_left_out(run.run_yaml)),
    )


def _left_out(run_yaml: Mapping[str, Any]) -> Iterator[str]:
    """What of the sources was left out, a sentence for each."""
    for role in ("content", "style"):
        found = mapping_in(run_yaml, FILES_LEFT_OUT, role)
        counts = {str(reason): count for reason, count in found.items() if isinstance(count, int)}
        if sentence := left_out_sentence(role, counts):
            yield sentence


def _extremes(values: np.ndarray) -> tuple[list[int], list[int]]:
    """The indices of the lowest and of the highest finite values, most extreme first; none of them twice."""
    known = np.flatnonzero(np.isfinite(values))
    order = known[np.argsort(values[known], kind="stable")]
    low = min(_SHOWN, -(-len(order) // 2))
    high = min(_SHOWN, len(order) - low)
    return order[:low].tolist(), order[::-1][:high].tolist()


def _status_counts(run: ReadRun) -> dict[str, int]:
    counted: Counter[str] = Counter(_value_counts(run.rows.table["status"], "unknown"))
    if run.plan is not None:
        counted["missing"] = run.plan.num_rows - len(run.rows)
    order = ("success", "failed", "quarantined", "skipped", "missing")
    return {name: counted[name] for name in (*order, *sorted(counted.keys() - set(order))) if name in counted}


def _reason_counts(rows: ReportRows) -> Counter[tuple[str, str]]:
    table = rows.table.filter(pa.array(~rows.having("success"))).select(["status", "error_class"])
    plain_names = pa.table({name: table[name].cast(pa.string()).fill_null("unknown") for name in table.column_names})
    grouped = plain_names.group_by(["status", "error_class"]).aggregate([([], "count_all")])
    return Counter({(row["status"], row["error_class"]): row["count_all"] for row in grouped.to_pylist()})


def _methods(rows: ReportRows) -> tuple[np.ndarray, list[str]]:
    """The index of each row's method, and the names of the methods: those of recipe and features."""
    recipe, recipes = rows.codes("method")
    features, names = rows.codes("features")
    pairs, codes = np.unique(np.stack([recipe, features], 1).reshape(-1, 2), axis=0, return_inverse=True)
    methods = []
    for one, other in pairs.tolist():
        method, of = recipes[one] or "unknown", names[other]
        methods.append(method if of is None or of in method else f"{method}, {of}")
    return np.ravel(codes), methods


def _devices(images: pa.Table) -> tuple[Device, ...]:
    keys = {name: images[name].cast(pa.string()).fill_null("unknown") for name in ("device", "precision")}
    table = pa.table({**keys, "seconds": images["seconds"], "peak": images["peak_mem_mb"]})
    sums = [("seconds", "sum"), ("peak", "max"), ([], "count_all")]
    grouped = table.group_by(["device", "precision"]).aggregate(sums).to_pylist()
    return tuple(
        Device(row["device"], row["precision"], row["count_all"], row["seconds_sum"] or 0.0, row["peak_max"])
        for row in sorted(grouped, key=lambda row: (-row["count_all"], row["device"]))
    )


def _cost(run: ReadRun, seconds: np.ndarray, pace: RunThroughput, prices: Prices) -> RunCost:
    devices = run.rows.table["device"].cast(pa.string())
    on_gpu = np.asarray(pc.starts_with(devices, "cuda").fill_null(False))
    gpu_hours = float(np.nansum(seconds[on_gpu])) / 3600
    hours = ((prices.per_gpu_hour, gpu_hours), (prices.per_hour, pace.seconds / 3600))
    parts = [price * count for price, count in hours if price is not None]
    success = int(run.rows.having("success").sum())
    return RunCost(
        compute_seconds=float(np.nansum(seconds)),
        wall_seconds=pace.seconds,
        gpu_hours=gpu_hours,
        money=sum(parts) if parts else None,
        image_bytes=run.image_bytes,
        bytes_per_image=run.image_bytes / success if success else None,
    )


def _value_counts(column: pa.ChunkedArray, missing: str = NOT_STATED) -> dict[str, int]:
    names = column.cast(pa.string()).fill_null(missing)
    counted = {entry["values"]: entry["counts"] for entry in pc.value_counts(names).to_pylist()}
    return dict(sorted(counted.items(), key=lambda one: (-one[1], one[0])))
