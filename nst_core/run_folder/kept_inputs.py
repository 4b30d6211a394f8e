"""The inputs that a run folder keeps itself, in `inputs/`: uploads of the app."""

from __future__ import annotations

import re

import pyarrow.compute as pc

from nst_core.run_folder.plan_table import Plan

INPUTS = "inputs"
"""The sub-folder of inputs that a run folder keeps itself."""

_INPUT = re.compile(rf"{INPUTS}/[0-9a-f]{{20}}/[^/]+")


def input_ids(plan: Plan) -> frozenset[str]:
    """Items of a plan that lie in its run folder's own `inputs/`: their ids are their paths from there."""
    styles = pc.list_flatten(plan.table.column("style_ids")).to_pylist()
    ids = {*(name for (name,) in plan.distinct("content_id")), *styles}
    return frozenset(filter(is_input_id, ids))


def is_input_id(identity: str) -> bool:
    """Whether an item of this id lies in a run folder's own `inputs/`, where the app puts it."""
    return _INPUT.fullmatch(identity) is not None
