"""What stands in a plan, counted: of rows that are planned, and of those that are about to be."""

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
from nst_core.plan.draft import Combination
from nst_core.plan.part import PlanPart
from nst_core.run_folder.plan_table import Plan

NOT_STATED = "not stated"

Shape = tuple[int, int]


@dataclass(frozen=True)
class Census:
    """Counts over some planned pairs.

    Attributes:
        work: pairs that are left to be optimised, by the shape (width, height) at which they are.
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

    def __add__(self, other: Census) -> Census:
        return Census(
            self.work + other.work,
            self.contents | other.contents,
            self.styles | other.styles,
            self.artists | other.artists,
            self.left_out + other.left_out,
            self.licenses + other.licenses,
            tuple(dict.fromkeys((*self.bad, *other.bad))),
        )


def census_of_plan(plan: Plan, done: NDArray[np.bool_]) -> Census:
    """Of rows that are planned; work is what is not done."""
    has_styles = pc.greater(pc.list_value_length(plan.table.column("style_ids")), 0).to_numpy()
    sound = plan.codes("error_class")[0] < 0
    stylized, left = plan.take(has_styles), plan.take(has_styles & ~done)
    faults = plan.distinct("error_class", "error_message")
    return Census(
        Counter({(w, h): n for w, h, error, n in _counted(left, "width", "height", "error_class") if error is None}),
        frozenset(name for (name,) in plan.distinct("content_id")),
        frozenset(map(tuple, stylized.column("style_ids"))),
        frozenset(slug for (slug,) in stylized.distinct("artist_slug")),
        Counter({name: n for name, n in _counted(plan, "error_class") if name in SKIPPED}),
        _licenses("content", _counted(plan.take(sound), "content_license"))
        + _licenses("style", _counted(plan.take(sound & has_styles), "style_license")),
        tuple(sorted({message for name, message in faults if name is not None and name not in SKIPPED})),
    )


def census_of_part(part: PlanPart) -> Census:
    """Of rows that are about to be planned: all of them are left to do."""
    draft, looks = part.draft, part.looks
    sound = looks.error < 0
    usable = sound & part.stylized
    shapes, counts = np.unique(looks.working[usable], axis=0, return_counts=True)
    contents, combinations = _occurring(draft.content), _occurring(draft.combination)
    used = [(draft.combinations[p], count) for p, count in combinations.items() if draft.combinations[p].styles]
    faults = [(looks.errors[place], count) for place, count in part.count_by_error().items()]
    return Census(
        Counter({(int(w), int(h)): int(count) for (w, h), count in zip(shapes, counts, strict=True)}),
        frozenset(draft.contents[place].id for place in contents),
        frozenset(tuple(share.item.id for share in combination.styles) for combination, _ in used),
        frozenset(part.names.artists[combination.artist] for combination, _ in used),
        _summed((type(error).__name__, n) for error, n in faults if type(error).__name__ in SKIPPED),
        _licenses("content", ((draft.contents[p].license, n) for p, n in _occurring(draft.content[sound]).items()))
        + _licenses(
            "style", ((_license(draft.combinations[p]), n) for p, n in _occurring(draft.combination[usable]).items())
        ),
        tuple(sorted({str(error) for error, _ in faults if type(error).__name__ not in SKIPPED})),
    )


def _occurring(places: NDArray[np.int32]) -> dict[int, int]:
    """Which places occur, and how often."""
    distinct, counts = np.unique(places, return_counts=True)
    return dict(zip(distinct.tolist(), counts.tolist(), strict=True))


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


def _license(combination: Combination) -> str | None:
    return "; ".join(dict.fromkeys(s.item.license for s in combination.styles if s.item.license)) or None
