"""Verification of the inputs in a run folder's own `inputs/` (uploads of the app) against its plan."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from hashlib import file_digest
from pathlib import Path

from nst_core.run_folder.kept_inputs import input_ids
from nst_core.run_folder.own_files import open_own_file
from nst_core.run_folder.plan_table import Plan
from nst_core.run_folder.verify.findings import Finding


def input_findings(root: Path, plan: Plan, there: Collection[str]) -> Iterator[Finding]:
    """Find inputs that are missing, do not have the hash in their folder's name, or belong to no planned pair.

    Args:
        there: the files below `inputs/`, relative to the run folder.
    """
    named = input_ids(plan)
    for name in sorted(named.difference(there)):
        yield Finding("missing_input", name, f"{name}, which pictures were made of, is not there.")
    for name in sorted(named.intersection(there)):
        try:
            with open_own_file(root, name) as file:
                digest = file_digest(file, "sha256").hexdigest()
        except OSError as error:
            yield Finding("changed_input", name, f"{name} cannot be read ({error.strerror}).")
            continue
        if not digest.startswith(name.split("/")[1]):
            yield Finding("changed_input", name, f"{name}: its bytes are not those that its folder is named by.")
    for name in sorted(set(there) - named):
        yield Finding("unplanned_input", name, f"{name} is the input of no planned pair.")
