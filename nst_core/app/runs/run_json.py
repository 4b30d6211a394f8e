"""A run as the API and the page show it: its state, numbers, and the sentences made of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote

from nst_core.app.runs.run_control import PATIENCE, RunControl
from nst_core.app.runs.run_process import RunProcess, log_lines
from nst_core.app.runs.watched_runs import WatchedRun
from nst_core.errors import printable
from nst_core.run_folder.duration import duration
from nst_core.run_folder.run_progress import RunProgress
from nst_core.run_folder.status_counts import StatusCounts

RunState = Literal[
    "starting", "running", "pausing", "ending", "paused", "killed", "stopped", "finished", "incomplete", "refused",
    "empty", "damaged",
]  # fmt: skip

AT_WORK = ("starting", "running", "pausing", "ending")

STATE_TEXTS: dict[RunState, str] = {
    "starting": "Begins",
    "running": "At work",
    "pausing": "Is being paused",
    "ending": "Ends",
    "paused": "Paused",
    "killed": "Was cut off",
    "stopped": "Ended by an error",
    "finished": "Finished",
    "incomplete": "Finished, with failures",
    "refused": "Could not begin",
    "empty": "Has nothing planned",
    "damaged": "Cannot be read",
}

RESUME_TEXTS: dict[RunState, str] = {"incomplete": "Try what failed again", "refused": "Try again", "empty": "Start"}
"""What the button to resume a run says; elsewhere `Resume`."""

REASONS = 20
"""Reasons of failures that are told, the most frequent first."""


@dataclass(frozen=True)
class _Look:
    """A run at one moment."""

    run: WatchedRun
    progress: RunProgress | None
    process: RunProcess | None
    pausing: float | None

    @property
    def state(self) -> RunState:
        alive = self.process is not None and self.process.code is None
        if self.progress is None:
            return "starting" if alive else "damaged"
        counts, holders = self.progress.counts, self.progress.holders
        if alive or holders.present:
            if self.pausing is not None:
                return "pausing"
            if not holders.present and self.process is not None and self.process.has_worked:
                return "ending"  # the folder is given free, the process ends
            return "running" if holders.present and counts.planned else "starting"
        fault = self.process.fault if self.process is not None else None
        if not counts.planned:
            return "refused" if fault else "empty"
        if counts.missing:
            return "stopped" if fault else "killed" if holders.gone else "paused"
        if fault:
            return "stopped"
        return "incomplete" if counts.failed else "finished"


def run_json(run: WatchedRun, control: RunControl) -> dict[str, Any]:
    """The answer to GET /api/runs/<id>."""
    process = control.process(run)
    run.read(busy=process is not None and process.code is None)
    if process is not None and run.present:
        process.has_worked = True
    look = _Look(run, run.progress, process, control.pausing_for(run))
    state, url = look.state, f"/api/runs/{quote(run.id, safe='')}"
    fault = run.fault or (look.process.fault if look.process is not None and state in ("stopped", "refused") else None)
    known = look.progress.as_json() if look.progress is not None else {}
    counts = look.progress.counts if look.progress is not None else None
    return known | {
        "id": run.id,
        "name": printable(run.id),
        "state": state,
        "state_text": STATE_TEXTS[state],
        "done": counts.planned - counts.left if counts else 0,
        "counts_text": _counts_text(counts) if counts and counts.planned else "",
        "pace_text": _pace_text(look.progress) if look.progress is not None and state == "running" else "",
        "reasons": _reasons(counts) if counts else [],
        "fault": printable(fault) if fault else None,
        "pictures": [
            {"image": f"{url}/pictures/{quote(made.pair_id, safe='')}", "caption": printable(made.caption)}
            for made in run.newest
        ],
        "printed": log_lines(control.log(run)),
        "can_pause": state in ("starting", "running"),
        "can_end": state == "pausing" and (look.pausing or 0.0) >= PATIENCE,
        "can_resume": state not in (*AT_WORK, "finished", "damaged"),
        "resume_text": RESUME_TEXTS.get(state, "Resume"),
    }


def _counts_text(counts: StatusCounts) -> str:
    """`12 of 80 pictures, 3 failed, 1 in quarantine, 2 left out`."""
    total = f"{counts.success} of {counts.planned} picture{'' if counts.planned == 1 else 's'}"
    others = ((counts.failed, "failed"), (counts.quarantined, "in quarantine"), (counts.skipped, "left out"))
    return ", ".join([total, *(f"{number} {word}" for number, word in others if number)])


def _pace_text(progress: RunProgress) -> str:
    """`0.42 pictures per second, about 3 min left`, as far as it is known."""
    rate, eta = progress.holders.rate, progress.holders.eta_seconds
    parts = [f"{rate:.2f} pictures per second"] if rate is not None else []
    return ", ".join(parts + ([f"about {duration(eta)} left"] if eta is not None else []))


def _reasons(counts: StatusCounts) -> list[str]:
    """The reasons of what was not made, with how often: `OutOfMemory: 2`."""
    found = [f"{printable(reason)}: {count}" for reason, count in (counts.errors | counts.left_out).items()]
    return found[:REASONS] + ([f"and {len(found) - REASONS} more reasons"] if len(found) > REASONS else [])
