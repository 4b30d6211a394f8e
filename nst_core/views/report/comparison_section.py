"""The section of a report that compares two runs: sentences, tables, plots and pictures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nst_core.run_folder.without_folders import base_name, style_names
from nst_core.views.report.comparison import RunComparison
from nst_core.views.report.numbers import RunNumbers
from nst_core.views.report.page import Figure, Table, course_figure, percent
from nst_core.views.report.pictures import PicturedPair, ReportPictures
from nst_core.views.report.plots import duration, ratios
from nst_core.views.report.quantiles import Quantiles
from nst_core.views.report.rows import Detail
from nst_core.views.report.run_reader import ReadRun
from nst_core.views.web import number, quantity

_MOST_KEYS = 60


@dataclass(frozen=True)
class ComparisonSection:
    """The values of the template `_comparison.html.j2`."""

    other: str
    headline: str
    sentences: tuple[str, ...]
    keys: Table | None
    statuses: Table | None
    pace: Table
    figures: tuple[Figure, ...]
    apart: tuple[tuple[PicturedPair, PicturedPair, str], ...]
    same_method: bool


def comparison_section(comparison: RunComparison, here: tuple[ReadRun, RunNumbers], there: tuple[ReadRun, RunNumbers],
             pictures: ReportPictures) -> ComparisonSection:  # fmt: skip
    """The section of a comparison, from both runs and their numbers."""
    ours = pictures.examples(here[0].folder, [pair for pair, _, _ in comparison.apart])
    theirs = pictures.examples(there[0].folder, [pair for _, pair, _ in comparison.apart])
    factors = [f"{number(ratio)} times" for _, _, ratio in comparison.apart]
    return ComparisonSection(
        comparison.other,
        headline(comparison),
        tuple(_sentences(comparison)),
        _keys(comparison),
        _statuses(comparison),
        _pace(comparison, here[1], there[1]),
        tuple(_figures(comparison, here[1], there[1])),
        tuple(zip(ours, theirs, factors, strict=True)),
        comparison.same_method,
    )


def headline(comparison: RunComparison) -> str:
    """The outcome of a comparison in one sentence."""
    if not comparison.differs:
        return "No difference."
    if comparison.differs == ("speed",):
        return "No difference in what was asked and made; they differ in speed."
    *others, last = comparison.differs
    return f"They differ in {', '.join(others)} and {last}." if others else f"They differ in {last}."


def _sentences(comparison: RunComparison) -> list[str]:
    named = f", {comparison.by_bytes:,} of them by the bytes of their files" if comparison.by_bytes else ""
    sentences = [f"{quantity(comparison.matched, 'pair')} in both{named}."]
    if comparison.only_here:
        sentences.append(f"{quantity(comparison.only_here, 'pair')} only in {comparison.name}.")
    if comparison.only_there:
        sentences.append(f"{quantity(comparison.only_there, 'pair')} only in {comparison.other}.")
    if comparison.hashed:
        same = {comparison.hashed: "all", 0: "none"}.get(comparison.same_bytes, f"{comparison.same_bytes:,}")
        images = quantity(comparison.hashed, "image")
        sentences.append(f"Of {images} that both have made, {same} are the same to the bit.")
    if not comparison.same_method:
        sentences.append(
            "The methods differ, and so do their losses' scales: what is compared is the share of the initial loss "
            "that is left. It says how far each optimisation came, not which image is better."
        )
    return sentences


def _keys(comparison: RunComparison) -> Table | None:
    rows = [(d.key, d.here or "none", d.there or "none") for d in comparison.asked]
    header, unlisted = ("Key", comparison.name, comparison.other), max(0, len(rows) - _MOST_KEYS)
    return Table("What was asked differently", header, tuple(rows[:_MOST_KEYS]), unlisted) if rows else None


def _statuses(comparison: RunComparison) -> Table | None:
    rows = tuple((f"{c.here} here, {c.there} there", f"{c.pairs:,}", _example(c.example)) for c in comparison.changed)
    return Table("Pairs that ended otherwise", ("What became of them", "Pairs", "Such as"), rows) if rows else None


def _example(pair: Detail | None) -> str:
    if pair is None:
        return ""
    return f"{base_name(pair.content_path)} in the style of {style_names(pair.style_path)}"


def _pace(comparison: RunComparison, here: RunNumbers, there: RunNumbers) -> Table:
    """Both runs' speed, over all of their images; and their compute for the pairs that both have made."""

    def each(numbers: RunNumbers) -> tuple[str, ...]:
        median = numbers.seconds_each.median if numbers.seconds_each else None
        device = ", ".join(device.name for device in numbers.devices)
        left = numbers.left.median if numbers.left else None
        pace = number(numbers.pace.per_minute)
        return (f"{numbers.success:,}", f"{number(median)}\u00a0s" if median else "", pace, device, percent(left))

    names = ("Images", "Seconds per image, median", "Images per minute", "Made on", "Loss left, median")
    rows = [(name, a, b) for name, a, b in zip(names, each(here), each(there), strict=True)]
    if any(comparison.compute):
        ours, theirs = map(duration, comparison.compute)
        rows.append(("Compute for the pairs that both have made", ours, theirs))
    return Table("Side by side", ("", comparison.name, comparison.other), tuple(rows))


def _figures(comparison: RunComparison, here: RunNumbers, there: RunNumbers) -> list[Figure]:
    loss = "Loss" if comparison.same_method else "Loss left"
    figures = []
    for name, less, values, quantiles in (
        (loss, "less", comparison.loss_ratios, comparison.losses),
        ("Seconds per image", "faster", comparison.second_ratios, comparison.seconds),
    ):
        if quantiles is not None and (np.abs(np.log(values)) > 1e-9).any():
            figures.append(_ratio_figure(f"{name}, here over there", f"Less than 1: {less} here", values, quantiles))
    if here.band is not None and there.band is not None and comparison.differs and here.band != there.band:
        figures.append(course_figure([(comparison.name, here.band), (comparison.other, there.band)]))
    return figures


def _ratio_figure(title: str, label: str, values: np.ndarray, quantiles: Quantiles) -> Figure:
    row = (f"{quantiles.count:,}", *map(number, quantiles.in_order))
    table = Table(title, ("Pairs", "5 %", "25 %", "Median", "75 %", "95 %"), (row,))
    lower, median, upper = map(number, (quantiles.lower, quantiles.median, quantiles.upper))
    caption = f"Half of {quantity(quantiles.count, 'pair')} between {lower} and {upper}; median {median}."
    return Figure(title, ratios(values, title, label), caption, table)
