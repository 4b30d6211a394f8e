"""What the template is told of two runs side by side."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nst_core.run_folder.without_folders import base_name, style_names
from nst_core.views.report.comparison import RunComparison
from nst_core.views.report.numbers import RunNumbers
from nst_core.views.report.page import Figure, Table, course_figure, percent
from nst_core.views.report.pictures import PicturedPair, ReportPictures
from nst_core.views.report.plots import duration, ratios
from nst_core.views.report.rows import Detail
from nst_core.views.report.run_reader import ReadRun
from nst_core.views.report.spread import Spread
from nst_core.views.web import counted, number

_MOST_KEYS = 60


@dataclass(frozen=True)
class ComparisonSection:
    """The section of a page that compares."""

    other: str
    headline: str
    sentences: tuple[str, ...]
    keys: Table | None
    statuses: Table | None
    pace: Table
    figures: tuple[Figure, ...]
    apart: tuple[tuple[PicturedPair, PicturedPair, str], ...]
    same_method: bool


def compared(found: RunComparison, here: tuple[ReadRun, RunNumbers], there: tuple[ReadRun, RunNumbers],
             pictures: ReportPictures) -> ComparisonSection:  # fmt: skip
    """Words, plots and pictures of a comparison."""
    ours = pictures.examples(here[0].folder, [pair for pair, _, _ in found.apart])
    theirs = pictures.examples(there[0].folder, [pair for _, pair, _ in found.apart])
    told = [_times(ratio) for _, _, ratio in found.apart]
    return ComparisonSection(
        found.other,
        headline(found),
        tuple(_sentences(found)),
        _keys(found),
        _statuses(found),
        _pace(found, here[1], there[1]),
        tuple(_figures(found, here[1], there[1])),
        tuple(zip(ours, theirs, told, strict=True)),
        found.same_method,
    )


def headline(found: RunComparison) -> str:
    """The answer, in one sentence."""
    if not found.differs:
        return "No difference."
    if found.differs == ("speed",):
        return "No difference in what was asked and made; they differ in speed."
    *others, last = found.differs
    return f"They differ in {', '.join(others)} and {last}." if others else f"They differ in {last}."


def _sentences(found: RunComparison) -> list[str]:
    named = f", {found.by_bytes:,} of them by the bytes of their files" if found.by_bytes else ""
    told = [f"{counted(found.matched, 'pair')} in both{named}."]
    if found.only_here:
        told.append(f"{counted(found.only_here, 'pair')} only in {found.name}.")
    if found.only_there:
        told.append(f"{counted(found.only_there, 'pair')} only in {found.other}.")
    if found.hashed:
        same = {found.hashed: "all", 0: "none"}.get(found.same_bytes, f"{found.same_bytes:,}")
        told.append(f"Of {counted(found.hashed, 'image')} that both have made, {same} are the same to the bit.")
    if not found.same_method:
        told.append(
            "The methods differ, and so do their losses' scales: what is compared is the share of the initial loss "
            "that is left. It says how far each optimisation came, not which image is better."
        )
    return told


def _times(ratio: float) -> str:
    return f"{number(ratio)} times"


def _keys(found: RunComparison) -> Table | None:
    rows = [(d.key, d.here or "none", d.there or "none") for d in found.asked]
    title = "What was asked differently"
    shown = tuple(rows[:_MOST_KEYS])
    return Table(title, ("Key", found.name, found.other), shown, len(rows) - len(shown)) if rows else None


def _statuses(found: RunComparison) -> Table | None:
    rows = tuple((f"{c.here} here, {c.there} there", f"{c.pairs:,}", _example(c.example)) for c in found.changed)
    return Table("Pairs that ended otherwise", ("What became of them", "Pairs", "Such as"), rows) if rows else None


def _example(pair: Detail | None) -> str:
    if pair is None:
        return ""
    return f"{base_name(pair.content_path)} in the style of {style_names(pair.style_paths)}"


def _pace(found: RunComparison, here: RunNumbers, there: RunNumbers) -> Table:
    """Both runs' speed, over all of their images; and their compute for the pairs that both have made."""

    def each(numbers: RunNumbers) -> tuple[str, ...]:
        median = numbers.seconds_each.median if numbers.seconds_each else None
        device = ", ".join(device.name for device in numbers.devices)
        left = numbers.left.median if numbers.left else None
        pace = number(numbers.pace.per_minute)
        return (f"{numbers.success:,}", f"{number(median)}\u00a0s" if median else "", pace, device, percent(left))

    names = ("Images", "Seconds per image, median", "Images per minute", "Made on", "Loss left, median")
    rows = [(name, a, b) for name, a, b in zip(names, each(here), each(there), strict=True)]
    if any(found.compute):
        ours, theirs = map(duration, found.compute)
        rows.append(("Compute for the pairs that both have made", ours, theirs))
    return Table("Side by side", ("", found.name, found.other), tuple(rows))


def _figures(found: RunComparison, here: RunNumbers, there: RunNumbers) -> list[Figure]:
    what = "Loss" if found.same_method else "Loss left"
    figures = []
    for title, label, values, told in (
        (f"{what}, here over there", "Less than 1: less here", found.loss_ratios, found.losses),
        ("Seconds per image, here over there", "Less than 1: faster here", found.second_ratios, found.seconds),
    ):
        if told is not None and (np.abs(np.log(values)) > 1e-9).any():
            figures.append(_ratio_figure(title, label, values, told))
    if here.band is not None and there.band is not None and found.differs and here.band != there.band:
        figures.append(course_figure([(found.name, here.band), (found.other, there.band)]))
    return figures


def _ratio_figure(title: str, label: str, values: np.ndarray, told: Spread) -> Figure:
    table = Table(
        title,
        ("Pairs", "5 %", "25 %", "Median", "75 %", "95 %"),
        ((f"{told.count:,}", *map(number, told.quantiles)),),
    )
    half = f"Half of {counted(told.count, 'pair')} between {number(told.lower)} and {number(told.upper)}"
    return Figure(title, ratios(values, title, label), f"{half}; median {number(told.median)}.", table)
