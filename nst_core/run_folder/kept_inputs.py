"""Inputs that lie in a run folder's own `inputs/`: uploads of the app."""

from __future__ import annotations

import re

import pyarrow.compute as pc

from nst_core.run_folder.plan_table import Plan

INPUTS = "inputs"
"""The sub-folder for such inputs."""

_INPUT = re.compile(rf"{INPUTS}/[0-9a-f]{{20}}/[^/]+")


def input_ids(plan: Plan) -> frozenset[str]:
    """The ids of a plan's items in its run folder's own `inputs/`: their paths, relative to the run folder."""
    styles = pc.list_flatten(plan.table.column("style_ids")).to_pylist()
    ids = {*(name for (name,) in plan.distinct("content_id")), *styles}
    return frozenset(filter(is_input_id, ids))


def is_input_id(identity: str) -> bool:
    """Whether this is the id of an item in a run folder's own `inputs/`."""
    return _INPUT.fullmatch(identity) is not None
