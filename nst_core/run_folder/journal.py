"""The journal of a chunk: one line of JSON for each event, in the run folder's `logs/`.

The dispatching run writes it, before and after each try, so that tries are counted even where the process, or the
machine, went down in the middle of one. A line that was cut off by that is no event.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from nst_core.storage.atomic import append_line
from nst_core.storage.regular_files import read_regular
from nst_core.storage.secrets import redact_text

EventName = Literal["start", "end", "failed", "lost", "stopped", "given up", "quarantined"]
"""`start` of a try; its `end`; or that it `failed` with an error, its worker was `lost`, the run was `stopped`. What
followed: the chunk was `given up`, or a pair of it `quarantined` because it kills its process."""


@dataclass(frozen=True)
class Event:
    """One line.

    Attributes:
        more: what else the line says: of a start `attempt`, `pairs`, `alone`, `runner` (in old journals `crew`); of an
            end `statuses`, `seconds`, `spent`; of a failure `error_class`, `error_message`, `verdict`; of a loss
            `returncode`; of a quarantine `pair_id`.
    """

    event: EventName
    at: str
    more: Mapping[str, Any] = field(default_factory=dict)


class Journal:
    """Reads and writes the journal of one chunk."""

    def __init__(self, run_folder: Path, chunk_id: str) -> None:
        self.path = journal_file(run_folder, chunk_id)

    def note(self, event: EventName, **more: Any) -> None:
        """Append a line, durably. Raises DiskFull, OSError."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        said = {name: redact_text(value) if isinstance(value, str) else value for name, value in more.items()}
        append_line(self.path, json.dumps({"event": event, "at": now, **said}, ensure_ascii=False))

    def events(self) -> list[Event]:
        """The events so far, in order."""
        return list(_events(self.path))


def journal_file(run_folder: Path, chunk_id: str) -> Path:
    """The path of a chunk's journal."""
    return run_folder / "logs" / f"{chunk_id}.jsonl"


def count_unended_tries(events: Sequence[Event]) -> int:
    """The number of tries at the end of a journal that have no end: the run that writes it went down with them."""
    starts = 0
    for event in reversed(events):
        if event.event != "start":
            break
        starts += 1
    return starts


def count_tries(events: Sequence[Event]) -> int:
    """The number of tries begun since the chunk's rows were last written for good."""
    ends = [place for place, event in enumerate(events) if event.event in ("end", "given up", "quarantined")]
    return sum(event.event == "start" for event in events[ends[-1] + 1 if ends else 0 :])


def _events(path: Path) -> Iterator[Event]:
    try:
        lines = read_regular(path).split(b"\n")
    except FileNotFoundError:
        return
    for line in lines:
        try:
            record = json.loads(line)
            yield Event(record.pop("event"), record.pop("at"), record)
        except (ValueError, KeyError, TypeError, AttributeError):
            continue  # cut off when the machine went down
