"""Tries by the journals of a run: when they were, what their time was spent on, how they ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from nst_core.run_folder.journal import Event, Journal

_AT_ONCE = 16


@dataclass
class Tries:
    """Counts over the journals of all chunks, all sessions of the run.

    Attributes:
        intervals: when each try began and ended, in seconds since 1970; a try that was killed ends as it begins.
        stops: when tries ended because the run was stopped.
        spent: workers' seconds by what they were spent on; they overlap within a worker.
        runners: tries by the kind of runner (`crew` in old journals).
        again: chunks that needed more than one try.
        failed: tries that ended with an error, by its class; `lost`: because their process died, by how it ended.
        killed: tries of which nobody wrote the end: the run itself went down with them.
        given_up: chunks whose pairs were left as failed; `poison`: pairs that were found to kill their process.
    """

    chunks: int = 0
    tries: int = 0
    intervals: list[tuple[float, float]] = field(default_factory=list)
    stops: list[float] = field(default_factory=list)
    spent: dict[str, float] = field(default_factory=dict)
    runners: Counter[str] = field(default_factory=Counter)
    again: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)
    killed: int = 0
    given_up: int = 0
    poison: int = 0

    @property
    def at_once(self) -> int:
        """The most chunks that were under way at one time."""
        moments = [(start, 1) for start, end in self.intervals if end > start]
        moments += [(end, -1) for start, end in self.intervals if end > start]
        now = most = 0
        for _, change in sorted(moments):
            now += change
            most = max(most, now)
        return most


def read_tries(run_folder: Path) -> Tries:
    """Read `logs/`; missing and unreadable journals are not counted."""
    found = Tries()
    names = sorted(path.name.removesuffix(".jsonl") for path in (run_folder / "logs").glob("*.jsonl"))
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for events in pool.map(lambda name: _events(run_folder, name), names):
            _take(found, events)
    return found


def _events(run_folder: Path, chunk_id: str) -> list[Event]:
    try:
        return Journal(run_folder, chunk_id).events()
    except OSError:
        return []


def _take(found: Tries, events: Iterable[Event]) -> None:
    begun: float | None = None
    tries = 0
    for event, at in _dated(events):
        if event.event == "start":
            found.killed += begun is not None
            if begun is not None:
                found.intervals.append((begun, begun))
            begun, tries = at, tries + 1
            found.runners[str(event.more.get("runner") or event.more.get("crew", "unknown"))] += 1
        elif event.event in ("end", "failed", "lost", "stopped"):
            if begun is not None:
                found.intervals.append((begun, max(begun, at)))
            begun = None
            _ended(found, event, at)
        found.given_up += event.event == "given up"
        found.poison += event.event == "quarantined"
    if begun is not None:
        found.killed += 1
        found.intervals.append((begun, begun))
    found.chunks += tries > 0
    found.tries += tries
    found.again += tries > 1


def _ended(found: Tries, event: Event, at: float) -> None:
    if event.event == "end":
        spent = event.more.get("spent")
        for part, seconds in spent.items() if isinstance(spent, dict) else ():
            found.spent[str(part)] = found.spent.get(str(part), 0.0) + _number(seconds)
    elif event.event == "failed":
        found.failed[str(event.more.get("error_class") or "unknown")] += 1
    elif event.event == "lost":
        found.lost[_how(event.more.get("returncode"))] += 1
    else:
        found.stops.append(at)


def _dated(events: Iterable[Event]) -> Iterator[tuple[Event, float]]:
    for event in events:
        try:
            yield event, datetime.fromisoformat(event.at).timestamp()
        except (TypeError, ValueError):
            continue


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _how(code: Any) -> str:
    """The end of a process by its return code, in words."""
    if not isinstance(code, int):
        return "it did not say how"
    return f"signal {-code}" if code < 0 else f"exit code {code}"
