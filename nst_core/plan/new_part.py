"""Entry to planning: scans the inputs of pairs that are not planned yet, then builds the plan part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from nst_core.config.resolved_method import ResolvedMethod
from nst_core.config.run_config import RunConfig
from nst_core.errors import StrictInputs
from nst_core.plan.grouping import grouping
from nst_core.plan.pair_table import PairTable, id_numbers
from nst_core.plan.part import PlanPart, plan_part
from nst_core.plan.shapes import PlanContext
from nst_core.plan.wanted import WantedPairs
from nst_core.run_folder.folder import RunFolder
from nst_core.sources.index.source_scan import scan_files, scan_options
from nst_core.storage.progress import Progress

Limits = TypeVar("Limits")


def new_part(
    config: RunConfig, method: ResolvedMethod, wanted: WantedPairs, folder: RunFolder, progress: Progress | None = None
) -> PlanPart:
    """Return the rows that the plan in `folder` lacks, and inspect their inputs alone; writes nothing.

    Raises:
        OSError: an input could not be read, which is not the file's own fault and may pass.
    """
    earlier = folder.read_plan()
    pairs = wanted.pairs.without(id_numbers(earlier.column("pair_id")))
    limits = input_limits(pairs, scan_options(config.content), scan_options(config.style))
    inputs = scan_files(limits, [config.content.path, config.style.path], progress)
    context = replace(
        PlanContext.of(method, config.output, inputs),
        skipped_contents=wanted.skipped_contents,
        skipped_styles=wanted.skipped_styles,
        max_pixels=config.content.max_pixels,
    )
    groups = grouping(config.execution, method.recipe, method.fleet, len(pairs))
    return plan_part(folder.next_part(), pairs, earlier, context, groups)


def check_strict(bad_inputs: Sequence[str]) -> None:
    """Raise StrictInputs, listing the bad inputs, if there are any: for `--strict`."""
    if bad_inputs:
        shown = "\n".join(f"  {message}" for message in bad_inputs[:50])
        raise StrictInputs(f"{len(bad_inputs)} bad inputs, and --strict was given: nothing was started.\n{shown}")


def input_limits(pairs: PairTable, content: Limits, style: Limits) -> dict[Path, Limits]:
    """Every input file of the pairs, once, with the limits of its role (of contents, for a file in both roles)."""
    combinations = (pairs.combinations[place] for place in np.unique(pairs.combination))
    limits = {share.item.path: style for combination in combinations for share in combination.styles}
    return limits | {pairs.contents[place].path: content for place in np.unique(pairs.content)}
