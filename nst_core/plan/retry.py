"""Trying again what failed: from the run folder alone, wherever it lies now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nst_core.config.run_config import Execution, RunConfig, parse_config
from nst_core.errors import RunFolderError
from nst_core.recipes import is_recipe_file
from nst_core.run_folder.chunk import Chunk, pending_chunks
from nst_core.run_folder.folder import RUN_FILE, Outcome, RunFolder
from nst_core.run_folder.plan_table import Plan
from nst_core.storage.paths import located

Only = Literal["failed", "quarantined"]


def retry_config(folder: RunFolder, overrides: Sequence[str] = ()) -> RunConfig:
    """The configuration of a run as its run.yaml has it, but for the place of its folder, which is where it is now.

    Where the sources lie does not matter to a retry: the plan has the path of every file. Keys of `execution` that this
    version does not know are left out, since none of them changes an image.

    Args:
        overrides: `key.sub=value`, laid over it.

    Raises:
        RunFolderError: not a run folder, its run.yaml is lost or damaged, or it names the recipe or the weights by a
            path that leads nowhere from the current directory.
        ConfigError: an override is wrong, or run.yaml is of another version.
    """
    folder.check_exists()
    data = folder.read_run_file().get("config")
    if not isinstance(data, Mapping):
        raise RunFolderError(
            f"{folder.root / RUN_FILE} does not say how this run was made: "
            "restore it, or use `nst run` with its run file."
        )
    overridden = {override.partition("=")[0].strip() for override in overrides}
    if overridden.isdisjoint(("method", "method.recipe")):
        _check_recipe(folder, data)
    config = parse_config(_known(data), overrides)
    _check_weights(folder, config.method.resolve().weights)
    root = folder.root.absolute()
    # The folder may have been given a name that no run file could: copies, not validated anew.
    return config.model_copy(
        update={"name": root.name, "output": config.output.model_copy(update={"root": root.parent})}
    )


def chunks_to_retry(plan: Plan, outcomes: Mapping[str, Outcome], only: Only | None = None) -> list[Chunk]:
    """The chunks with pairs to try again: those that failed and those that were quarantined, or one kind of them only.

    A quarantined pair is tried whether or not its input has changed. What was skipped, and what was never reached, is
    not: that is for `nst run`. Batches stay whole, so that images come out as they would have.

    Raises:
        RunFolderError: not one of the files that failed pairs need is where it was planned.
    """
    statuses = {only} if only else {"failed", "quarantined"}
    wanted = {name for name, outcome in outcomes.items() if outcome.status in statuses}
    ids = plan.table.column("pair_id")
    again = np.asarray(pc.is_in(ids, pa.array(sorted(wanted), pa.string())))
    chunks = pending_chunks(plan, ~again)
    if any(outcomes[name].status == "failed" for chunk in chunks for name in chunk.wanted):
        _check_inputs(plan.take(again))
    return chunks


def _check_inputs(plan: Plan) -> None:
    """Raises where the dataset is gone as a whole: to quarantine every pair would be worse than to say so."""
    contents = {path for (path,) in plan.distinct("content_path")}
    if contents and not any(located(path).is_file() for path in contents):
        raise RunFolderError(
            f"None of the images to try again is where it was planned ({min(contents)}): "
            "bring the dataset back, or use `nst run` with a run file that says where it is now."
        )


def _check_recipe(folder: RunFolder, data: Mapping[str, Any]) -> None:
    method = data.get("method")
    recipe = str(method.get("recipe")) if isinstance(method, Mapping) else ""
    if is_recipe_file(recipe) and _leads_nowhere(recipe):
        raise _nowhere(folder, "recipe", recipe)


def _check_weights(folder: RunFolder, weights: str) -> None:
    if weights not in ("imagenet", "random") and _leads_nowhere(weights):
        raise _nowhere(folder, "weights", weights)


def _leads_nowhere(named: str) -> bool:
    """Whether this is a relative path of no file: an absolute one is not a matter of where we are."""
    path = Path(named).expanduser()
    return not path.is_absolute() and not path.is_file()


def _nowhere(folder: RunFolder, key: str, named: str) -> RunFolderError:
    return RunFolderError(
        f"{folder.root / RUN_FILE} names the {key} {named}, and there is no such file in {Path.cwd()}: "
        f"go where the run was started, or add --set method.{key}=<path>."
    )


def _known(data: Mapping[str, Any]) -> dict[str, Any]:
    execution = data.get("execution")
    if not isinstance(execution, Mapping):
        return dict(data)
    known = {key: value for key, value in execution.items() if key in Execution.model_fields}
    return {**data, "execution": known}
