"""Small plans and results for the tests of what reads and writes them."""

from __future__ import annotations

import functools
from dataclasses import replace
from pathlib import Path
from typing import Any

from nst_core.config.fingerprint import fingerprints
from nst_core.config.run_config import parse_config
from nst_core.engine.batch import LossPoint
from nst_core.errors import InputError
from nst_core.manifest.pairing import Pair, StyleShare
from nst_core.plan.grouping import Grouping
from nst_core.plan.pair_table import tabulate_pairs
from nst_core.plan.part import PlanPart, plan_part
from nst_core.plan.part_tables import part_tables
from nst_core.plan.shapes import PlanContext
from nst_core.run_folder.plan_table import Plan, PlannedPair
from nst_core.run_folder.results import Result, planned_columns
from nst_core.sources.base import Item
from nst_core.sources.index.inputs import Input

_FIRST_GATYS = {"weights": "imagenet", "normalised": False, "content": {"loss": "half_sum"}}  # as of the first version
METHOD = parse_config({"method": {"recipe": "gatys2016", "size": 64, "precision": "float32", **_FIRST_GATYS}})
PRINTS = fingerprints(METHOD.method.resolve(), None, METHOD.output, METHOD.pairing)


def pair(content: str = "a.jpg", style: str = "Monet/1.jpg", artist: str | None = "Monet", **more: Any) -> Pair:
    """A pair of files that need not exist."""
    return Pair(
        Item(content, Path("photos") / content), (StyleShare(Item(style, Path("art") / style)),), artist, **more
    )


def context(pairs: list[Pair], errors: dict[str, InputError] | None = None, **sizes: tuple[int, int]) -> PlanContext:
    """What is known of the pairs' files: all are 100 × 80, unless `sizes` (by stem) or `errors` (by name) say more."""
    inputs = {}
    for path in {p.content.path for p in pairs} | {s.item.path for p in pairs for s in p.styles}:
        width, height = sizes.get(path.stem, (100, 80))
        inputs[path] = Input(path, width, height, "0" * 64, 1000, 10**18)
        if errors and path.name in errors:
            inputs[path] = Input(path, size_bytes=5, mtime_ns=7, error=errors[path.name])
    return PlanContext(METHOD.method.resolve(), PRINTS, 16, 16, "jpg", inputs)


def rows(part: PlanPart) -> list[PlannedPair]:
    """The rows of a plan part, as its file will hold them."""
    return [row for table in part_tables(part) for row in Plan(table)]


def plan(pairs: list[Pair], batch: int = 2, chunk: int = 4, number: int = 0, **more: Any) -> list[PlannedPair]:
    """The rows of a plan part for `pairs`."""
    earlier = Plan.of(more.pop("earlier", []))
    return rows(
        plan_part(number, tabulate_pairs(pairs, PRINTS.method), earlier, context(pairs, **more), Grouping(batch, chunk))
    )


def planned(**changes: Any) -> PlannedPair:
    """One row of a plan, with some fields changed."""
    return replace(_planned(), **changes)


@functools.cache
def _planned() -> PlannedPair:
    return plan([pair()])[0]


def success(row: PlannedPair, **changes: Any) -> Result:
    """The result row of a pair that went well."""
    trace = [LossPoint(0, 1.0, 4.0, 0.5, 5.0), LossPoint(10, 0.5, 0.25, 0.125, 0.75)]
    known = planned_columns(row) | {"loss_trace": trace, "seconds": 1.5, "device": "cpu", "file_name": row.file_name}
    return Result(pair_id=row.pair_id, chunk_id=row.chunk_id, status="success", attempts=1, **(known | changes))
