"""Looking at the input files of a run before any work, through the index that remembers them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from nst_core.engine.limits import ImageLimits
from nst_core.inputs import Input, inspect_inputs
from nst_core.source_config import ImageSource
from nst_core.sources.base import Catalogue

Progress = Callable[[int, int], None]


def inspected(wanted: Mapping[Path, ImageLimits], progress: Progress | None = None) -> dict[Path, Input]:
    """What is known of each file. I/O errors that may pass (not the file's own fault) propagate."""
    inputs: dict[Path, Input] = {}
    for found in inspect_inputs(wanted):
        inputs[found.path] = found
        if progress:
            progress(len(inputs), len(wanted))
    return inputs


def duplicates_of(
    catalogue: Catalogue, section: ImageSource, progress: Progress | None = None, at_least_exact: bool = False
) -> dict[str, str]:
    """Items that show what an earlier one (by id) shows, as `section.duplicates` has it: by id, that one's id."""
    return {}
