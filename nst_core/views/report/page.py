"""What the template of a report is given: numbers in words, plots, tables, and pairs with their pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from markupsafe import Markup, escape

from nst_core.storage.disk import format_bytes
from nst_core.views.report.destination import MARK
from nst_core.views.report.numbers import RunNumbers
from nst_core.views.report.plots import Drawn, bars, boxes, courses, duration, throughput
from nst_core.views.report.spread import Spread
from nst_core.views.report.throughput import RunThroughput
from nst_core.views.report.traces import TraceBand
from nst_core.views.web import counted, environment, number

MOST_GROUPS = 30
"""Boxes of one plot: those with the most pairs."""

MOST_ROWS = 200
_SESSIONS = 20
_STATUSES = {
    "success": ("image made", "images made"),
    "failed": ("failed", "failed"),
    "quarantined": ("quarantined", "quarantined"),
    "skipped": ("left out", "left out"),
    "missing": ("not made yet", "not made yet"),
}
_SPENT = ("compute", "decode", "encode", "write", "wait")


@dataclass(frozen=True)
class Table:
    """Numbers behind a plot, in words; `unlisted` rows did not fit."""

    caption: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    unlisted: int = 0


@dataclass(frozen=True)
class Figure:
    """A plot, what it shows, and its table."""

    title: str
    drawn: Drawn
    caption: str
    table: Table


def render(numbers: RunNumbers, **more: Any) -> str:
    """The page. `more`: best, worst (pairs with pictures), comparison, links."""
    pages = environment("nst_core.views.report")
    pages.filters["code"] = _code
    return pages.get_template("report.html.j2").render(
        mark=Markup(MARK),
        run=numbers,
        verdict=verdict(numbers),
        statuses=[(name, *_status(name, count), count) for name, count in numbers.statuses.items()],
        figures=figures(numbers),
        facts=facts(numbers),
        tries=tried(numbers),
        percent=percent,
        duration=duration,
        **more,
    )


def verdict(numbers: RunNumbers) -> str:
    """What became of the run, in one sentence."""
    planned = f" of {numbers.planned:,} planned" if numbers.planned is not None else ""
    made = f"{counted(numbers.success, 'image')}{planned}"
    words = {"missing": "not made yet", "skipped": "left out on purpose"}
    unmade = {name: count for name, count in numbers.statuses.items() if count and name != "success"}
    if not unmade:
        return f"{made}: all there is to make."
    return f"{made}; " + ", ".join(f"{n:,} {words.get(name, name)}" for name, n in unmade.items()) + "."


def _status(name: str, count: int) -> tuple[str]:
    one, many = _STATUSES.get(name, (name, name))
    return (one if count == 1 else many,)


def figures(numbers: RunNumbers) -> dict[str, Figure | None]:
    """The plots by name; None where there are no numbers for one."""
    by_artist, by_method, band = numbers.by_artist, numbers.by_method, numbers.band
    return {
        "artists": spread_figure(by_artist, "Loss left by artist", "artist") if by_artist else None,
        "methods": spread_figure(by_method, "Loss left by method", "method") if len(by_method) > 1 else None,
        "course": course_figure([("", band)], numbers.other_traces) if band is not None else None,
        "throughput": throughput_figure(numbers.pace) if numbers.pace.bins else None,
        "spent": spent_figure(numbers.spent) if any(numbers.spent.values()) else None,
    }


def spread_figure(groups: Sequence[Spread], title: str, what: str, percent_: bool = True) -> Figure:
    """Boxes of the groups with the most pairs, and a table of them all."""
    most = set(sorted(groups, key=lambda group: -group.count)[:MOST_GROUPS])
    shown = [group for group in groups if group in most]
    tell = percent if percent_ else number
    rows = tuple((g.name, f"{g.count:,}", *map(tell, g.quantiles)) for g in groups[:MOST_ROWS])
    header = (what.capitalize(), "Pairs", "5 %", "25 %", "Median", "75 %", "95 %")
    left = f" The {MOST_GROUPS} with the most pairs, of {len(groups)}." if len(groups) > len(shown) else ""
    return Figure(
        title,
        boxes(shown, title, "Share of the initial loss that is left", percent_),
        f"The box holds half of the pairs, the line nine of ten, the mark is the median.{left}",
        Table(title, header, rows, len(groups) - len(rows)),
    )


def course_figure(bands: Sequence[tuple[str, TraceBand]], others: int = 0) -> Figure:
    """The mean course of the loss, with the band of eight pairs of ten."""
    title = "What is left of the loss"
    rows = [
        ((name,) if name else ())
        + (f"{band.iterations[at]:,}", *map(percent, (band.mean[at], band.low[at], band.high[at])))
        for name, band in bands
        for at in _thinned(len(band.iterations))
    ]
    header = (*(("Run",) if bands[0][0] else ()), "Evaluation", "Mean", "10 %", "90 %")
    pairs = " and ".join(counted(band.pairs, "pair") for _, band in bands)
    more = f" {counted(others, 'pair')} took other steps or left no trace." if others else ""
    caption = f"Geometric mean over {pairs}, and the band between the 10th and the 90th percentile.{more}"
    return Figure(title, courses(bands, title), caption, Table(title, header, tuple(rows)))


def throughput_figure(pace: RunThroughput) -> Figure:
    """Images per minute over the time of work, and a table of the sessions."""
    rows = tuple(
        (moment(s.start), duration(s.gap) if s.gap else "", duration(s.seconds), f"{s.images:,}", number(s.per_minute))
        for s in pace.sessions[-_SESSIONS:]
    )
    header = ("Begun (UTC)", "After a break of", "Worked for", "Images", "Per minute")
    told = f"{number(pace.per_minute)} images per minute over {duration(pace.seconds)} of work"
    breaks = f", with {counted(len(pace.sessions) - 1, 'break')} cut out" if len(pace.sessions) > 1 else ""
    table = Table("Sessions", header, rows, len(pace.sessions) - len(rows))
    return Figure("Throughput", throughput(pace, "Throughput"), f"{told}{breaks}.", table)


def spent_figure(spent: Mapping[str, float]) -> Figure:
    """Where the workers' time went."""
    ordered = {part: spent[part] for part in (*_SPENT, *sorted(spent.keys() - set(_SPENT))) if part in spent}
    rows = tuple((part, number(seconds) or "0") for part, seconds in ordered.items())
    caption = "Decoding, encoding and writing go on beside the computation, which waits for them where it must."
    table = Table("Where the time went", ("Part", "Seconds"), rows)
    return Figure("Where the time went", bars(ordered, "Where the time went"), caption, table)


def facts(numbers: RunNumbers) -> list[tuple[str, str]]:
    """What it cost."""
    cost, told = numbers.cost, []
    told.append(("Wall clock", f"{duration(cost.wall_seconds)} of work" if cost.wall_seconds else ""))
    told.append(("Compute", f"{duration(cost.compute_seconds)}, summed over images" if cost.compute_seconds else ""))
    if (each := numbers.seconds_each) is not None:
        told.append(
            ("Each image", f"{number(each.median)} s; nine of ten between {number(each.low)} and {number(each.high)} s")
        )
    told.append(("GPU-hours", number(cost.gpu_hours) if cost.gpu_hours else "none"))
    told.append(("Price", number(cost.money) or "0" if cost.money is not None else ""))
    each_bytes = f", {format_bytes(cost.bytes_per_image)} per image" if cost.bytes_per_image else ""
    told.append(("Disk", f"{format_bytes(cost.image_bytes)} of images{each_bytes}"))
    for device in numbers.devices:
        memory = f", at most {format_bytes(device.peak_mb * 2**20)} of memory" if device.peak_mb else ""
        told.append((f"On {device.name}", f"{counted(device.images, 'image')} in {device.precision}{memory}"))
    return [(name, value) for name, value in told if value]


def tried(numbers: RunNumbers) -> list[str]:
    """What had to be tried again, in sentences; nothing where there are no journals."""
    tries = numbers.tries
    if not tries.tries:
        return []
    crews = ", ".join(f"{name} ({n:,})" for name, n in tries.crews.items())
    told = [
        f"{counted(tries.chunks, 'chunk')} in {counted(tries.tries, 'try', 'tries')}, at most {tries.at_once} at a "
        f"time, by workers of the kind {crews}."
    ]
    if tries.again:
        told.append(f"{counted(tries.again, 'chunk')} took more than one try.")
    told += [f"{counted(n, 'try', 'tries')} ended with {name}." for name, n in tries.failed.items()]
    told += [f"{counted(n, 'worker')} died ({how})." for how, n in tries.lost.items()]
    if tries.killed:
        told.append(f"{counted(tries.killed, 'try', 'tries')} went down with the run that made them.")
    if tries.poison:
        told.append(f"{counted(tries.poison, 'pair')} killed the process that made them, and were quarantined.")
    if tries.given_up:
        told.append(f"{counted(tries.given_up, 'chunk')} given up: their pairs are told as failed.")
    if len(told) == 1:
        told.append("Nothing had to be tried again.")
    return told


def percent(value: float | None) -> str:
    """A share: `2.76 %`; empty if there is none."""
    told = number(100 * value) if value is not None else ""
    return f"{told}\u00a0%" if told else ""


def moment(seconds: float) -> str:
    """A time for people, in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _code(text: str) -> Markup:
    """A sentence of ours with what stands in backticks as code."""
    pieces = enumerate(text.split("`"))
    return Markup("").join(Markup("<code>{}</code>").format(piece) if n % 2 else escape(piece) for n, piece in pieces)


def _thinned(count: int, most: int = 21) -> list[int]:
    step = max(1, -(-count // most))
    places = list(range(0, count, step))
    return places if places[-1] == count - 1 else [*places, count - 1]
