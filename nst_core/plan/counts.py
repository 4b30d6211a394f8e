"""Counts for the forecast: pairs by shape, contents, styles, licences, faults."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from nst_core.errors import SKIPPED
from nst_core.plan.pair_table import place_counts
from nst_core.plan.part import PlanPart
from nst_core.run_folder.plan_table import Plan

NOT_STATED = "not stated"

Shape = tuple[int, int]


@dataclass(frozen=True)
class PlanCounts:
    """Counts over some planned pairs.

    Attributes:
        work: pairs that are left to be optimised, by their working shape (width, height).
        contents, styles, artists: the distinct ones; styles by id, a blend's together; artists by slug.
        left_out: pairs by the reason for which they are skipped.
        licenses: pairs by the licences of content and style, without those that are left out or bad.
        bad: what is wrong with inputs, each sentence once.
    """

    work: Counter[Shape]
    contents: frozenset[str]
    styles: frozenset[tuple[str, ...]]
    artists: frozenset[str]
    left_out: Counter[str]
    licenses: Counter[str]
    bad: tuple[str, ...]

    def __add__(self, other: PlanCounts) -> PlanCounts:
        return PlanCounts(
            self.work + other.work,
            self.contents | other.contents,
            self.styles | other.styles,
            self.artists | other.artists,
            self.left_out + other.left_out,
            self.licenses + other.licenses,
            tuple(dict.fromkeys((*self.bad, *other.bad))),
        )


def count_plan(plan: Plan, done: NDArray[np.bool_]) -> PlanCounts:
    """Count the rows of a plan; `work` counts those that are not done."""
    has_styles = pc.greater(pc.list_value_length(plan.table.column("style_ids")), 0).to_numpy()
    sound = plan.codes("error_class")[0] < 0
    stylized, left = plan.take(has_styles), plan.take(has_styles & ~done)
    faults = plan.distinct("error_class", "error_message")
    return PlanCounts(
        Counter({(w, h): n for w, h, error, n in _counted(left, "width", "height", "error_class") if error is None}),
        frozenset(name for (name,) in plan.distinct("content_id")),
        frozenset(map(tuple, stylized.column("style_ids"))),
        frozenset(slug for (slug,) in stylized.distinct("artist_slug")),
        Counter({name: n for name, n in _counted(plan, "error_class") if name in SKIPPED}),
        _licenses("content", _counted(plan.take(sound), "content_license"))
        + _licenses("style", _counted(plan.take(sound & has_styles), "style_license")),
        tuple(sorted({message for name, message in faults if name is not None and name not in SKIPPED})),
    )


def count_part(part: PlanPart) -> PlanCounts:
    """Count the pairs of a plan part, none of which is done."""
    pairs, shapes = part.pairs, part.shapes
    sound = shapes.error < 0
    usable = sound & pairs.stylized
    working, counts = np.unique(shapes.working[usable], axis=0, return_counts=True)
    stylized = [c for c in map(pairs.combinations.__getitem__, np.unique(pairs.combination)) if c.styles]
    content_counts, style_counts = place_counts(pairs.content[sound]), place_counts(pairs.combination[usable])
    faults = [(shapes.errors[place], count) for place, count in part.count_by_error().items()]
    return PlanCounts(
        Counter({(int(w), int(h)): int(count) for (w, h), count in zip(working, counts, strict=True)}),
        frozenset(pairs.contents[place].id for place in np.unique(pairs.content)),
        frozenset(combination.style_ids for combination in stylized),
        frozenset(part.names.artists[combination.artist] for combination in stylized),
        _summed((type(error).__name__, n) for error, n in faults if type(error).__name__ in SKIPPED),
        _licenses("content", ((pairs.contents[place].license, n) for place, n in content_counts.items()))
        + _licenses("style", ((pairs.combinations[place].license, n) for place, n in style_counts.items())),
        tuple(sorted({str(error) for error, _ in faults if type(error).__name__ not in SKIPPED})),
    )


def _counted(plan: Plan, *names: str) -> list[tuple[Any, ...]]:
    """The distinct values of some columns, and how many rows have them."""
    table = pa.table({name: _plain(plan.table.column(name)) for name in names})
    counted = table.group_by(list(names)).aggregate([([], "count_all")])
    return list(zip(*(counted.column(name).to_pylist() for name in (*names, "count_all")), strict=True))


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column


def _licenses(role: str, counts: Iterable[tuple[Any, ...]]) -> Counter[str]:
    return _summed((f"{role}: {name or NOT_STATED}", count) for name, count in counts)


def _summed(counts: Iterable[tuple[str, Any]]) -> Counter[str]:
    summed: Counter[str] = Counter()
    for name, count in counts:
        summed[name] += int(count)
    return summed
