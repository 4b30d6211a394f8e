"""The retry of failed and quarantined pairs: its configuration and chunks, from the run folder alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nst_core.config.execution import Execution
from nst_core.config.run_config import RunConfig, parse_config
from nst_core.errors import RunFolderError
from nst_core.manifest.urls import remember_urls
from nst_core.networks.files import named_files
from nst_core.recipes.files import is_recipe_file
from nst_core.run_folder.chunk import Chunk, pending_chunks
from nst_core.run_folder.folder import RUN_YAML, Outcome, RunFolder
from nst_core.run_folder.plan_table import Plan
from nst_core.storage.paths import parse_path
from nst_core.storage.web_access import begin_run

Only = Literal["failed", "quarantined"]

_PATHS = (
    ("content", "path"), ("content", "annotations"), ("style", "path"), ("style", "annotations"),
    ("pairing", "manifest"), ("output", "root"),
)  # fmt: skip
"""Sections and keys of a configuration that are paths."""


def retry_config(folder: RunFolder, overrides: Sequence[str] = ()) -> RunConfig:
    """The configuration in a run's run.yaml, with the folder's place of today.

    A retry does not open the sources: the plan has the path of every file. Keys of `execution` that this version does
    not know are left out, since none of them changes an image.

    Args:
        overrides: `key.sub=value`, which replace its values.

    Raises:
        RunFolderError: not a run folder, its run.yaml is lost or damaged, or it names the recipe or the weights by a
            relative path at which the current directory has no file.
        ConfigError: an override is wrong, or run.yaml is of another version.
    """
    folder.check_exists()
    data = folder.read_run_yaml().get("config")
    if not isinstance(data, Mapping):
        raise RunFolderError(
            f"{folder.root / RUN_YAML} does not say how this run was made: "
            "restore it, or use `nst run` with its run file."
        )
    overridden = {override.partition("=")[0].strip() for override in overrides}
    method = data.get("method")
    recipe = str(method.get("recipe")) if isinstance(method, Mapping) else ""
    if is_recipe_file(recipe) and overridden.isdisjoint(("method", "method.recipe")):
        _check_file(folder, "recipe", recipe)
    config = parse_config(_with_recorded_paths(_without_unknown_keys(data)), overrides)
    for key, path in named_files(config.method.resolve()):
        _check_file(folder, key, path)
    begin_run(config.execution.allow_private_addresses)
    if config.pairing.manifest is not None:
        remember_urls(config.pairing.manifest)  # the plan has them without their secrets
    root = folder.root.absolute()
    # The folder may have been given a name that no run file could: copies, not validated anew.
    return config.model_copy(
        update={"name": root.name, "output": config.output.model_copy(update={"root": root.parent})}
    )


def chunks_to_retry(plan: Plan, outcomes: Mapping[str, Outcome], only: Only | None = None) -> list[Chunk]:
    """The chunks with failed or quarantined pairs, or with those of one status only; these pairs are wanted.

    A quarantined pair is tried whether or not its input has changed. Skipped pairs and those that were never reached
    are left to `nst run`. Batches stay whole, so that images come out as they would have.

    Raises:
        RunFolderError: none of the files that failed pairs need is where it was planned.
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
    """Raise RunFolderError if the dataset as a whole is gone, lest every pair be quarantined."""
    contents = {path for (path,) in plan.distinct("content_path")}
    if contents and not any(parse_path(path).is_file() for path in contents):
        raise RunFolderError(
            f"None of the images to try again is where it was planned ({min(contents)}): "
            "bring the dataset back, or use `nst run` with a run file that says where it is now."
        )


def _check_file(folder: RunFolder, key: str, name: str) -> None:
    """Raise RunFolderError if `name` is a relative path without a file in the current directory."""
    path = Path(name)
    if not path.is_absolute() and not path.is_file():
        raise RunFolderError(
            f"{folder.root / RUN_YAML} names the {key} {name}, and there is no such file in {Path.cwd()}: "
            f"go where the run was started, or add --set method.{key}=<path>."
        )


def _without_unknown_keys(data: Mapping[str, Any]) -> dict[str, Any]:
    execution = data.get("execution")
    if not isinstance(execution, Mapping):
        return dict(data)
    known = {key: value for key, value in execution.items() if key in Execution.model_fields}
    return {**data, "execution": known}


def _with_recorded_paths(data: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration with its paths as paths: run.yaml holds them expanded, and a `~` or `$` left is a name's."""
    sections = dict(data)
    for section, key in _PATHS:
        values = sections.get(section)
        if isinstance(values, Mapping) and isinstance(values.get(key), str):
            sections[section] = {**values, key: parse_path(values[key])}
    return sections
