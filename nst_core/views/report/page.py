"""The page of a report: numbers in words, plots and tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from markupsafe import Markup, escape

from nst_core.storage.disk import format_bytes
from nst_core.views.report.destination import MARK
from nst_core.views.report.numbers import RunNumbers
from nst_core.views.report.plots import Drawing, bars, boxes, courses, distribution, duration, throughput
from nst_core.views.report.quality import MeasureNumbers
from nst_core.views.report.quantiles import Quantiles
from nst_core.views.report.throughput import RunThroughput
from nst_core.views.report.traces import TraceBand
from nst_core.views.web import environment, number, quantity

MOST_GROUPS = 30
"""Boxes of one plot: those with the most pairs."""

MOST_ROWS = 200
_SESSIONS = 20
_KINDS_OF_WORK = ("compute", "decode", "encode", "write", "wait")


@dataclass(frozen=True)
class Table:
    """Numbers behind a plot, in words; `unlisted` rows did not fit."""

    caption: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    unlisted: int = 0


@dataclass(frozen=True)
class Figure:
    """A plot with its title, caption and table."""

    title: str
    plot: Drawing
    caption: str
    table: Table


def render(numbers: RunNumbers, **more: Any) -> str:
    """The page as HTML. `more`: best, worst (pairs with pictures), comparison, links."""
    pages = environment("nst_core.views.report")
    pages.filters["code"] = _code
    return pages.get_template("report.html.j2").render(
        mark=Markup(MARK),
        run=numbers,
        verdict=verdict(numbers),
        statuses=[(name, _status(name, count), count) for name, count in numbers.statuses.items()],
        figures=figures(numbers),
        measures=[(one, measure_figure(one)) for one in numbers.quality.measures] if numbers.quality else [],
        facts=cost_facts(numbers),
        tries=try_sentences(numbers),
        percent=percent,
        duration=duration,
        loss_left=lambda pair: f"{percent(pair.loss_left)} left",
        **more,
    )


def verdict(numbers: RunNumbers) -> str:
    """The outcome of the run in one sentence."""
    planned = f" of {numbers.planned:,} planned" if numbers.planned is not None else ""
    images = f"{quantity(numbers.success, 'image')}{planned}"
    words = {"missing": "not made yet", "skipped": "left out on purpose"}
    unmade = {name: count for name, count in numbers.statuses.items() if count and name != "success"}
    if not unmade:
        return f"{images}: all there is to make."
    return f"{images}; " + ", ".join(f"{n:,} {words.get(name, name)}" for name, n in unmade.items()) + "."


def _status(name: str, count: int) -> str:
    if name == "success":
        return "image made" if count == 1 else "images made"
    return {"skipped": "left out", "missing": "not made yet"}.get(name, name)


def figures(numbers: RunNumbers) -> dict[str, Figure | None]:
    """The plots by name; None where there are no numbers for one."""
    by_artist, by_method, band = numbers.by_artist, numbers.by_method, numbers.band
    return {
        "artists": loss_figure(by_artist, "Loss left by artist", "artist") if by_artist else None,
        "methods": loss_figure(by_method, "Loss left by method", "method") if len(by_method) > 1 else None,
        "course": course_figure([("", band)], numbers.other_traces) if band is not None else None,
        "throughput": throughput_figure(numbers.pace) if numbers.pace.bins else None,
        "spent": time_figure(numbers.spent) if any(numbers.spent.values()) else None,
    }


def loss_figure(groups: Sequence[Quantiles], title: str, what: str) -> Figure:
    """Boxes of the groups with the most pairs, and a table of them all."""
    most = set(sorted(groups, key=lambda group: -group.count)[:MOST_GROUPS])
    shown = [group for group in groups if group in most]
    rows = tuple((g.name, f"{g.count:,}", *map(percent, g.in_order)) for g in groups[:MOST_ROWS])
    header = (what.capitalize(), "Pairs", "5 %", "25 %", "Median", "75 %", "95 %")
    left = f" The {MOST_GROUPS} with the most pairs, of {len(groups)}." if len(groups) > len(shown) else ""
    return Figure(
        title,
        boxes(shown, title, "Share of the initial loss that is left"),
        f"The box holds half of the pairs, the line nine of ten, the mark is the median.{left}",
        Table(title, header, rows, len(groups) - len(rows)),
    )


def measure_figure(measure: MeasureNumbers) -> Figure:
    """The distribution of one measure, with what content and style themselves have."""
    figures = [*measure.spread.in_order, measure.content, measure.style]
    cells = tuple("" if value is None else number(value) or "0" for value in figures)
    header = ("", "5 %", "25 %", "Median", "75 %", "95 %", "Content itself", "Style itself")
    marks = {"content": measure.content, "style": measure.style}
    return Figure(
        measure.title,
        distribution(measure.counts, measure.edges, marks, measure.title, measure.meaning),
        "The lines are the content and the style in the picture's place.",
        Table(measure.title, header, ((f"{measure.spread.count:,} pictures", *cells),)),
    )


def course_figure(bands: Sequence[tuple[str, TraceBand]], others: int = 0) -> Figure:
    """The mean course of the loss, with the band that holds eight pairs of ten."""
    title = "What is left of the loss"
    rows = [
        ((name,) if name else ())
        + (f"{band.iterations[at]:,}", *map(percent, (band.mean[at], band.low[at], band.high[at])))
        for name, band in bands
        for at in _thinned(len(band.iterations))
    ]
    header = (*(("Run",) if bands[0][0] else ()), "Evaluation", "Mean", "10 %", "90 %")
    pairs = " and ".join(quantity(band.pairs, "pair") for _, band in bands)
    more = f" {quantity(others, 'pair')} took other steps or left no trace." if others else ""
    caption = f"Geometric mean over {pairs}, and the band between the 10th and the 90th percentile.{more}"
    return Figure(title, courses(bands, title), caption, Table(title, header, tuple(rows)))


def throughput_figure(pace: RunThroughput) -> Figure:
    """Images per minute over the time of work, and a table of the sessions."""
    rows = tuple(
        (moment(s.start), duration(s.gap) if s.gap else "", duration(s.seconds), f"{s.images:,}", number(s.per_minute))
        for s in pace.sessions[-_SESSIONS:]
    )
    header = ("Begun (UTC)", "After a break of", "Worked for", "Images", "Per minute")
    average = f"{number(pace.per_minute)} images per minute over {duration(pace.seconds)} of work"
    breaks = f", with {quantity(len(pace.sessions) - 1, 'break')} cut out" if len(pace.sessions) > 1 else ""
    table = Table("Sessions", header, rows, len(pace.sessions) - len(rows))
    return Figure("Throughput", throughput(pace, "Throughput"), f"{average}{breaks}.", table)


def time_figure(seconds: Mapping[str, float]) -> Figure:
    """The workers' seconds by kind of work."""
    title, kinds = "Where the time went", (*_KINDS_OF_WORK, *sorted(seconds.keys() - set(_KINDS_OF_WORK)))
    ordered = {kind: seconds[kind] for kind in kinds if kind in seconds}
    rows = tuple((kind, number(value) or "0") for kind, value in ordered.items())
    caption = "Decoding, encoding and writing go on beside the computation, which waits for them where it must."
    return Figure(title, bars(ordered, title), caption, Table(title, ("Part", "Seconds"), rows))


def cost_facts(numbers: RunNumbers) -> list[tuple[str, str]]:
    """Time, compute, memory, disk and price by name."""
    cost, each = numbers.cost, numbers.seconds_each
    median, low, high = map(number, (each.median, each.low, each.high) if each else (None, None, None))
    each_bytes = f", {format_bytes(cost.bytes_per_image)} per image" if cost.bytes_per_image else ""
    facts = [
        ("Wall clock", f"{duration(cost.wall_seconds)} of work" if cost.wall_seconds else ""),
        ("Compute", f"{duration(cost.compute_seconds)}, summed over images" if cost.compute_seconds else ""),
        ("Each image", f"{median} s; nine of ten between {low} and {high} s" if each else ""),
        ("GPU-hours", number(cost.gpu_hours) if cost.gpu_hours else "none"),
        ("Price", number(cost.money) or "0" if cost.money is not None else ""),
        ("Disk", f"{format_bytes(cost.image_bytes)} of images{each_bytes}"),
    ]
    for device in numbers.devices:
        memory = f", at most {format_bytes(device.peak_mb * 2**20)} of memory" if device.peak_mb else ""
        facts.append((f"On {device.name}", f"{quantity(device.images, 'image')} in {device.precision}{memory}"))
    return [(name, value) for name, value in facts if value]


def try_sentences(numbers: RunNumbers) -> list[str]:
    """The tries of chunks in sentences; none where there are no journals."""
    tries = numbers.tries
    if not tries.tries:
        return []
    runners = ", ".join(f"{name} ({n:,})" for name, n in tries.runners.items())
    sentences = [
        f"{quantity(tries.chunks, 'chunk')} in {quantity(tries.tries, 'try', 'tries')}, at most {tries.at_once} at a "
        f"time, by workers of the kind {runners}."
    ]
    if tries.again:
        sentences.append(f"{quantity(tries.again, 'chunk')} took more than one try.")
    sentences += [f"{quantity(n, 'try', 'tries')} ended with {name}." for name, n in tries.failed.items()]
    sentences += [f"{quantity(n, 'worker')} died ({how})." for how, n in tries.lost.items()]
    if tries.killed:
        sentences.append(f"{quantity(tries.killed, 'try', 'tries')} went down with the run that made them.")
    if tries.poison:
        sentences.append(f"{quantity(tries.poison, 'pair')} killed the process that made them, and were quarantined.")
    if tries.given_up:
        sentences.append(f"{quantity(tries.given_up, 'chunk')} given up: their pairs are told as failed.")
    if len(sentences) == 1:
        sentences.append("Nothing had to be tried again.")
    return sentences


def percent(value: float | None) -> str:
    """A share: `2.76 %`; empty if there is none."""
    text = number(100 * value) if value is not None else ""
    return f"{text}\u00a0%" if text else ""


def moment(seconds: float) -> str:
    """A time as a text, in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _code(text: str) -> Markup:
    """A trusted sentence, its parts in backticks as code."""
    pieces = enumerate(text.split("`"))
    return Markup("").join(Markup("<code>{}</code>").format(piece) if n % 2 else escape(piece) for n, piece in pieces)


def _thinned(count: int, most: int = 21) -> list[int]:
    step = max(1, -(-count // most))
    places = list(range(0, count, step))
    return places if places[-1] == count - 1 else [*places, count - 1]
