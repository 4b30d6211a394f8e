"""The plan part that a run folder lacks."""

from __future__ import annotations

from collections.abc import Sequence

from nst_core.config.method import ResolvedMethod
from nst_core.config.run_config import RunConfig
from nst_core.engine.images.suffixes import OUTPUT_EXTENSIONS
from nst_core.errors import StrictInputs
from nst_core.plan.draft import id_numbers
from nst_core.plan.grouping import grouping
from nst_core.plan.inspection import inspected
from nst_core.plan.part import PlanPart, plan_part
from nst_core.plan.shapes import PlanContext
from nst_core.plan.wanted import WantedPairs
from nst_core.run_folder.folder import RunFolder
from nst_core.storage.progress import Progress


def new_part(
    config: RunConfig, method: ResolvedMethod, asked: WantedPairs, folder: RunFolder, progress: Progress | None = None
) -> PlanPart:
    """The rows that the plan in `folder` (which is not written) lacks: only their inputs are inspected."""
    earlier = folder.read_plan()
    fresh = asked.draft.without(id_numbers(earlier.column("pair_id")))
    context = PlanContext(
        recipe=method.recipe,
        fingerprints=method.fingerprints,
        min_side=method.min_side,
        min_style_side=method.min_style_side,
        extension=OUTPUT_EXTENSIONS[config.output.format],
        inputs=inspected(fresh, config, progress),
        skipped_contents=asked.skipped_contents,
        skipped_styles=asked.skipped_styles,
    )
    groups = grouping(config.execution, method.recipe, method.fleet, len(fresh))
    return plan_part(folder.next_part(), fresh, earlier, context, groups)


def strict_check(bad: Sequence[str]) -> None:
    """For `--strict`: raises StrictInputs, listing them, if any planned input is bad."""
    if bad:
        shown = "\n".join(f"  {message}" for message in bad[:50])
        raise StrictInputs(f"{len(bad)} bad inputs, and --strict was given: nothing was started.\n{shown}")
