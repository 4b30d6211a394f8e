"""The progress of a run, read from its folder alone: counts by status, and who works there how fast.

`nst status` and the page of runs of `nst app` read it by the same function, whoever started the run.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from nst_core.run_folder.lock.holders import Holders, HolderWatcher
from nst_core.run_folder.lock.run_lock import Holder
from nst_core.run_folder.status_counts import StatusCounter, StatusCounts


@dataclass(frozen=True)
class RunProgress:
    """The state of a run at one moment."""

    counts: StatusCounts
    holders: Holders

    def as_json(self) -> dict[str, Any]:
        """For scripts, and for the page of runs."""
        return asdict(self.counts) | {"left": self.counts.left} | holders_json(self.holders)


class ProgressReader:
    """Reads the progress of one run again and again; what has not changed is not read twice."""

    def __init__(self, root: Path) -> None:
        self._counter, self._watcher = StatusCounter(root), HolderWatcher(root)

    def read(self) -> RunProgress:
        """The progress at this moment. Raises RunFolderError where a plan part is damaged."""
        holders = self._watcher.read()  # first, so that the last counts are those of the end
        return RunProgress(self._counter.count(), holders)


def holders_json(holders: Holders) -> dict[str, Any]:
    """The processes that work in a run folder, for scripts."""

    def as_json(holder: Holder) -> dict[str, Any]:
        return {
            "owner": None if holder.owner is None else asdict(holder.owner),
            "shard": None if holder.shard is None else str(holder.shard),
            "beat": holder.beat,
            "silent_seconds": holder.silent_seconds,
            "progress": holder.progress,
        }

    return {
        "rate": holders.rate,
        "eta_seconds": holders.eta_seconds,
        "at_work": [as_json(holder) for holder in holders.present],
        "killed": [as_json(holder) for holder in holders.gone],
    }
