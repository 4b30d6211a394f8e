"""From a run file to work: sources → pairs → plan part → chunks. The stations before the engine, in one line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nst_core.plan.current_inputs import stale_pairs, with_current_inputs
from nst_core.run_folder.chunk import Chunk, done_pairs, pending_chunks
from nst_core.run_folder.folder import RunFolder
from nst_core.run_folder.plan_table import Plan
from nst_core.run_folder.summary import is_current, summarize

if TYPE_CHECKING:
    from nst_core.config.method import ResolvedMethod
    from nst_core.config.run_config import RunConfig
    from nst_core.plan.wanted import WantedPairs


@dataclass(frozen=True)
class RunState:
    """A run folder's plan against what is there.

    Attributes:
        plan: every planned pair, paths as the sources have them now.
        stale: pair ids whose inputs have other bytes than when they were planned.
        chunks: those with work left.
        done_rows: of each row of the plan, whether nothing is left to do.
    """

    plan: Plan
    stale: list[str]
    chunks: list[Chunk]
    done_rows: NDArray[np.bool_]

    @property
    def done(self) -> int:
        """Pairs with nothing left to do."""
        return int(self.done_rows.sum())


def read_state(folder: RunFolder, asked: WantedPairs | None = None) -> RunState:
    """What the folder holds against its plan; `asked` tells where files lie now, and what is left out now."""
    plan = folder.read_plan()
    if asked is not None:
        plan = with_current_inputs(plan, asked)
    outcomes = folder.outcomes()
    stale = stale_pairs(plan, outcomes)
    done = done_pairs(plan, outcomes, folder.image_files(), set(stale))
    return RunState(plan, stale, pending_chunks(plan, done), done)


def finished_state(config: RunConfig, method: ResolvedMethod, asked: WantedPairs) -> RunState | None:
    """The state of a run folder that holds all that `config` asks for, pages included; None where work is left."""
    folder = RunFolder(config.run_folder)
    folder.check_method(method.fingerprints)
    if not folder.exists() or lacking_pages(config):
        return None
    from nst_core.plan.draft import id_numbers

    state = read_state(folder, asked)
    new = len(asked.draft.without(id_numbers(state.plan.column("pair_id"))))
    if new or state.chunks or not is_current(folder.root, summarize(folder.root, state.plan)):
        return None
    return state


def lacking_pages(config: RunConfig) -> list[str]:
    """Which of the gallery and the report a run asks for and does not have."""
    wanted = {"gallery": config.output.gallery, "report": config.output.report}
    return [name for name, asked in wanted.items() if asked and not (config.run_folder / name / "index.html").is_file()]
