"""The plots of a report, as SVG without a script: their colours come from the page, light or dark.

Each is drawn for a width in pixels, so that its text has the size of the page's on a phone, too.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from nst_core.views.report.axes import Plot, Scale, log_range, shorten
from nst_core.views.report.quantiles import Quantiles
from nst_core.views.report.throughput import RunThroughput
from nst_core.views.report.traces import TraceBand
from nst_core.views.web import number, quantity

WIDE, NARROW = 720, 340
"""Widths to draw for: of a desktop's column, and of a phone."""

_ROW = 30
_LETTER = 7.6


@dataclass(frozen=True)
class Drawing:
    """One plot, drawn for both widths."""

    wide: Markup
    narrow: Markup

    @classmethod
    def of(cls, draw: Callable[[int], Plot]) -> Drawing:
        """The plot that a function draws for a width in pixels."""
        return cls(draw(WIDE).svg(), draw(NARROW).svg())


def boxes(groups: Sequence[Quantiles], title: str, label: str) -> Drawing:
    """A box per group on a logarithmic scale: half of the pairs in it, nine of ten between the whiskers' ends.

    Where a group has few pairs, each of them is a dot.
    """
    low, high = log_range([value for group in groups for value in (group.low, group.high, *group.values)])
    description = (
        f"One row per group, {len(groups)} of them, with median, quartiles and 5th to 95th percentile. {label}."
    )

    def draw(width: int) -> Plot:
        names = min(190, int(width * 0.36))
        plot = Plot(title, description, width, 52 + _ROW * len(groups))
        scale, bottom = Scale(low, high, names + 12, width - 14, log=True), 8 + _ROW * len(groups)
        plot.x_axis(scale, 6 if width >= WIDE else 4, 4, bottom, label, percent=True)
        for place, group in enumerate(groups):
            middle = 8 + _ROW * (place + 0.5)
            _box(plot, scale, group, middle)
            plot.text(names, middle + 4, shorten(group.name, int(names / _LETTER)), "name", "end", group.name)
        return plot

    return Drawing.of(draw)


def _box(plot: Plot, scale: Scale, group: Quantiles, middle: float) -> None:
    median, lower, upper = (f"{number(100 * value)} %" for value in (group.median, group.lower, group.upper))
    tooltip = f"{group.name}: median {median}, half between {lower} and {upper}; {quantity(group.count, 'pair')}"
    for value in group.values:
        plot.dot(scale(value), middle, 2.2, "dot")
    plot.line(scale(group.low), middle, scale(group.high), middle, "whisker")
    plot.box(scale(group.lower), middle - 7, scale(group.upper) - scale(group.lower), 14, "box", tooltip)
    plot.line(scale(group.median), middle - 7, scale(group.median), middle + 7, "median")


def courses(bands: Sequence[tuple[str, TraceBand]], title: str) -> Drawing:
    """The mean loss trace of each run, with the band between its 10th and 90th percentile, on a logarithmic scale."""
    values = [v for _, band in bands for one in (band.mean, band.low, band.high) for v in one[1:] if v > 0]
    last = max(band.iterations[-1] for _, band in bands)
    ends = "; ".join(f"{name}{' ' if name else ''}ends at {number(100 * band.mean[-1])} %" for name, band in bands)
    description = f"The share of the initial loss that is left over {last} evaluations: the mean {ends}."
    low, high = log_range([*values, 1.0])

    def draw(width: int) -> Plot:
        height, left, bottom = int(width * 0.42) + 70, 62, int(width * 0.42) + 24
        plot = Plot(title, description, width, height)
        x_of, y_of = Scale(0, last, left, width - 16), Scale(low, high, bottom, 30, log=True)
        plot.y_axis(y_of, 6, left, width - 16, "Loss left", percent=True)
        plot.x_axis(x_of, 7 if width >= WIDE else 4, bottom, bottom, "Evaluations")
        for place, (name, band) in enumerate(bands):
            second = " second" if place else ""
            upper = [(x_of(i), y_of(v)) for i, v in zip(band.iterations, band.high, strict=True)]
            lower = [(x_of(i), y_of(v)) for i, v in zip(band.iterations, band.low, strict=True)]
            plot.path([*upper, *lower[::-1]], f"band{second}", closed=True)
            plot.path([(x_of(i), y_of(v)) for i, v in zip(band.iterations, band.mean, strict=True)], f"mean{second}")
            if name:
                plot.line(width - 150, 40 + 20 * place, width - 128, 40 + 20 * place, f"mean{second}")
                plot.text(width - 120, 44 + 20 * place, shorten(name, 14), "name", "start", name)
        return plot

    return Drawing.of(draw)


def throughput(pace: RunThroughput, title: str) -> Drawing:
    """Images per minute over the time of work; breaks between sessions are cut out, and shown as such."""
    highest = max(one.per_minute for one in pace.bins)
    sessions = len(pace.sessions)
    description = (
        f"Images per minute over {duration(pace.seconds)} of work in {quantity(sessions, 'session')}; "
        f"{number(pace.per_minute)} on average, {number(highest)} at most."
    )
    unit, name = _unit(pace.seconds)

    def draw(width: int) -> Plot:
        height, left, bottom = int(width * 0.3) + 76, 46, int(width * 0.3) + 30
        gap = min(34.0, (width - left) * 0.25 / max(sessions - 1, 1))
        plot = Plot(title, description, width, height)
        room = width - 16 - left - gap * (sessions - 1)
        x_of = Scale(0, pace.seconds / unit, left, left + room)
        y_of = Scale(0, highest * 1.08, bottom, 30)
        plot.y_axis(y_of, 5, left, width - 16, "Images per minute")
        _breaks(plot, pace, x_of, unit, gap, bottom)
        for one in pace.bins:
            shift = gap * one.session
            x, end = x_of(one.start / unit) + shift, x_of((one.start + one.seconds) / unit) + shift
            plot.box(x, y_of(one.per_minute), end - x - min(1.0, 0.2 * (end - x)), bottom - y_of(one.per_minute), "bar")
        shifts = [(sum(s.seconds for s in pace.sessions[:n]) / unit, gap * n) for n in range(sessions)]
        for tick in x_of.ticks(7 if width >= WIDE else 4):
            x = x_of(tick) + next(shift for start, shift in reversed(shifts) if tick >= start)
            plot.line(x, bottom, x, bottom + 4, "axis")
            plot.text(x, bottom + 18, number(tick) or "0", "tick", "middle")
        plot.line(left, bottom, width - 16, bottom, "axis")
        plot.text((left + width) / 2, bottom + 38, f"{name} of work", "label", "middle")
        return plot

    return Drawing.of(draw)


def _unit(seconds: float) -> tuple[int, str]:
    """The unit of a time axis of so many seconds: its seconds and its name."""
    if seconds < 180:
        return 1, "Seconds"
    return (60, "Minutes") if seconds < 180 * 60 else (3600, "Hours")


def _breaks(plot: Plot, pace: RunThroughput, x_of: Scale, unit: int, gap: float, bottom: float) -> None:
    worked = itertools.accumulate(session.seconds for session in pace.sessions[:-1])
    for number_, (end, session) in enumerate(zip(worked, pace.sessions[1:], strict=True)):
        x = x_of(end / unit) + gap * number_
        plot.box(x + 1, 30, gap - 2, bottom - 30, "break", f"A break of {duration(session.gap)}")
        if gap > 28:
            plot.text(x + gap / 2, 26, duration(session.gap), "tick", "middle")


def bars(values: Mapping[str, float], title: str) -> Drawing:
    """A horizontal bar per name, with its seconds beside it."""
    highest = max([*values.values(), 1e-9])
    description = "; ".join(f"{name} {number(value)} s" for name, value in values.items())

    def draw(width: int) -> Plot:
        names = min(150, int(width * 0.3))
        plot = Plot(title, description + ".", width, 8 + _ROW * len(values))
        scale = Scale(0, highest, names + 12, width - 90)
        for place, (name, value) in enumerate(values.items()):
            middle = 4 + _ROW * (place + 0.5)
            plot.text(names, middle + 4, shorten(name, int(names / _LETTER)), "name", "end", name)
            plot.box(scale.start, middle - 8, scale(value) - scale.start, 16, "bar")
            plot.text(scale(value) + 8, middle + 4, f"{number(value) or '0'} s", "tick")
        return plot

    return Drawing.of(draw)


def ratios(values: NDArray[np.float64], title: str, label: str) -> Drawing:
    """A histogram of ratios, on a logarithmic scale around 1."""
    far = max(float(np.abs(np.log(values)).max()), 0.02) * 1.05
    counts, edges = np.histogram(np.log(values), bins=41, range=(-far, far))
    description = f"{quantity(len(values), 'pair')}; median {number(float(np.median(values)))}. {label}."

    def draw(width: int) -> Plot:
        height, left, bottom = int(width * 0.26) + 66, 46, int(width * 0.26) + 24
        plot = Plot(title, description, width, height)
        x_of = Scale(float(np.exp(-far)), float(np.exp(far)), left, width - 16, log=True)
        y_of = Scale(0, float(counts.max()) * 1.08, bottom, 30)
        plot.y_axis(y_of, 4, left, width - 16, "Pairs")
        plot.x_axis(x_of, 6 if width >= WIDE else 4, bottom, bottom, label)
        for count, low, high in zip(counts, np.exp(edges[:-1]), np.exp(edges[1:]), strict=True):
            if count:
                x = x_of(float(low))
                plot.box(x, y_of(float(count)), x_of(float(high)) - x - 1, bottom - y_of(float(count)), "bar")
        plot.line(x_of(1.0), 30, x_of(1.0), bottom, "one")
        plot.line(left, bottom, width - 16, bottom, "axis")
        return plot

    return Drawing.of(draw)


def distribution(
    counts: Sequence[int], edges: Sequence[float], marks: Mapping[str, float | None], title: str, label: str
) -> Drawing:
    """A histogram of pictures by a measure, with a line for each of some marks, such as the content itself."""
    shown = {name: value for name, value in marks.items() if value is not None}
    low, high = min([edges[0], *shown.values()]), max([edges[-1], *shown.values()])
    room = (high - low) * 0.03 or 0.5
    described = "; ".join(f"{name} at {number(value) or '0'}" for name, value in shown.items())
    description = (
        f"{quantity(sum(counts), 'picture')} between {number(edges[0]) or '0'} and {number(edges[-1])}; {described}."
    )

    def draw(width: int) -> Plot:
        height, left, bottom = int(width * 0.22) + 84, 46, int(width * 0.22) + 42
        plot = Plot(title, description, width, height)
        x_of = Scale(low - room, high + room, left, width - 16)
        y_of = Scale(0, max(counts) * 1.08, bottom, 40)
        plot.y_axis(y_of, 4, left, width - 16, "Pictures")
        plot.x_axis(x_of, 7 if width >= WIDE else 4, bottom, bottom, label)
        for count, start, end in zip(counts, edges, edges[1:], strict=False):
            if count:
                x = x_of(start)
                plot.box(x, y_of(count), x_of(end) - x - 1, bottom - y_of(count), "bar")
        for name, value in shown.items():
            at = x_of(value)
            plot.line(at, 34, at, bottom, "one")
            anchor = "start" if at < (left + width) / 2 else "end"
            plot.text(at + (4 if anchor == "start" else -4), 32 if name == "content" else 46, name, "tick", anchor)
        plot.line(left, bottom, width - 16, bottom, "axis")
        return plot

    return Drawing.of(draw)


def duration(seconds: float) -> str:
    """A time in the unit that fits: `40 s`, `12 min`, `3.5 h`, `2.1 days`."""
    for size, unit in ((86400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 1.5 * size:
            return f"{number(seconds / size)}\u00a0{unit}"
    return f"{number(seconds) or '0'}\u00a0s"
