"""The input files of a plan part, looked at before any work."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import numpy as np

from nst_core.config.run_config import RunConfig
from nst_core.plan.draft import Draft
from nst_core.sources.index.inputs import Input
from nst_core.sources.index.source_scan import scan_files, scan_options
from nst_core.storage.progress import Progress


def inspected(draft: Draft, config: RunConfig, progress: Progress | None = None) -> dict[Path, Input]:
    """What is known of each input file of the draft. I/O errors that may pass (not the file's own fault) propagate."""
    wanted = input_limits(draft, scan_options(config.content), scan_options(config.style))
    return scan_files(wanted, [config.content.path, config.style.path], progress)


L = TypeVar("L")


def input_limits(draft: Draft, content: L, style: L) -> dict[Path, L]:
    """Every input file of the pairs, once, with what holds for it (for contents, if it is both)."""
    combinations = (draft.combinations[place] for place in np.unique(draft.combination))
    limits = {share.item.path: style for combination in combinations for share in combination.styles}
    return limits | {draft.contents[place].path: content for place in np.unique(draft.content)}
