"""The state of a run folder: its plan against its results and images, and the chunks that are left to make."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nst_core.plan.current_inputs import stale_pairs, with_current_inputs
from nst_core.run_folder.chunk import Chunk, done_pairs, pending_chunks
from nst_core.run_folder.descriptors import descriptor_files
from nst_core.run_folder.folder import RunFolder
from nst_core.run_folder.plan_table import Plan
from nst_core.run_folder.quality import baselines_file
from nst_core.run_folder.summary import is_current, summarize

if TYPE_CHECKING:
    from nst_core.config.fingerprint import Fingerprints
    from nst_core.config.run_config import RunConfig
    from nst_core.plan.wanted import WantedPairs


@dataclass(frozen=True)
class RunState:
    """A run folder's plan, and how much of it is done.

    Attributes:
        plan: every planned pair, with the paths that the sources have now.
        stale: ids of pairs whose inputs have other bytes than when they were planned.
        chunks: those with work left.
        done_rows: of each row of the plan, whether nothing is left to do.
    """

    plan: Plan
    stale: list[str]
    chunks: list[Chunk]
    done_rows: NDArray[np.bool_]

    @property
    def done(self) -> int:
        """The number of pairs with nothing left to do."""
        return int(self.done_rows.sum())


def read_state(folder: RunFolder, wanted: WantedPairs | None = None) -> RunState:
    """Read the state of a run folder; `wanted`, if given, has the paths and exclusions of today's run file."""
    plan = folder.read_plan()
    if wanted is not None:
        plan = with_current_inputs(plan, wanted)
    outcomes = folder.outcomes()
    stale = stale_pairs(plan, outcomes)
    done = done_pairs(plan, outcomes, folder.image_files(), set(stale))
    return RunState(plan, stale, pending_chunks(plan, done), done)


def finished_state(config: RunConfig, method: Fingerprints, wanted: WantedPairs) -> RunState | None:
    """The state of a run folder in which nothing is left to do, gallery and report included; None where work is left.

    Raises:
        RunFolderError: the folder holds another method's images.
    """
    folder = RunFolder(config.run_folder)
    folder.check_method(method)
    if not folder.exists() or missing_pages(config):
        return None
    from nst_core.plan.pair_table import id_numbers

    state = read_state(folder, wanted)
    new = len(wanted.pairs.without(id_numbers(state.plan.column("pair_id"))))
    if new or state.chunks or not is_current(folder.root, summarize(folder.root, state.plan)):
        return None
    return state


def missing_pages(config: RunConfig) -> list[str]:
    """Those of gallery, report, quality and descriptors that the run file asks for and the run folder lacks."""
    pages = {"gallery": config.output.gallery, "report": config.output.report}
    missing = [name for name, on in pages.items() if on and not (config.run_folder / name / "index.html").is_file()]
    if config.output.judge and not baselines_file(config.run_folder).is_file():
        missing.append("quality")
    if config.output.describe and not descriptor_files(config.run_folder):
        missing.append("descriptors")
    return missing
