"""The processes that hold a run folder, read again and again: on other machines only a heartbeat tells who lives."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nst_core.run_folder.lock.record import STALE_SECONDS
from nst_core.run_folder.lock.run_lock import Holder, read_holders


@dataclass(frozen=True)
class Holders:
    """The holders of a run folder: those that work there (`present`), and those that were killed (`gone`)."""

    present: tuple[Holder, ...]
    gone: tuple[Holder, ...]

    @property
    def rate(self) -> float | None:
        """Images per second of all together; None where none of them reports it."""
        rates = [rate for holder in self.present if (rate := progress_number(holder, "rate")) is not None]
        return sum(rates) if rates else None

    @property
    def eta_seconds(self) -> float | None:
        """Seconds until the last of them is done; None where none of them reports it."""
        return max(
            (eta for holder in self.present if (eta := progress_number(holder, "eta_seconds")) is not None),
            default=None,
        )


class HolderWatcher:
    """Reads the locks of one run folder, and remembers when each heartbeat was last seen to move."""

    def __init__(self, root: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._root, self._clock = root, clock
        self._beats: dict[str, tuple[int, float]] = {}

    def read(self) -> Holders:
        """The holders of this moment. Raises RunFolderError if the store cannot be read."""
        holders = read_holders(self._root)
        present = tuple(holder for holder in holders if self._lives(holder))
        return Holders(present, tuple(holder for holder in holders if holder not in present))

    def _lives(self, holder: Holder) -> bool:
        """Whether the kernel says so, or its heartbeat moved in the last `STALE_SECONDS`; the first time, it counts."""
        if holder.alive is not None or holder.owner is None:
            return holder.alive is not False
        beat, now = self._beats.get(holder.owner.token), self._clock()
        if beat is None or beat[0] != holder.beat:
            self._beats[holder.owner.token] = holder.beat, now
            return True
        return now - beat[1] < STALE_SECONDS


def progress_number(holder: Holder, key: str) -> float | None:
    """A number of the progress that a holder reports; None where it has none, as other versions may."""
    value = (holder.progress or {}).get(key)
    return float(value) if isinstance(value, int | float) else None


def worker_progress(holder: Holder) -> Sequence[dict[str, Any]]:
    """The progress of a holder's workers: `name`, `chunk`, `pairs`, `seconds`."""
    found = (holder.progress or {}).get("workers")
    return [worker for worker in found if isinstance(worker, dict)] if isinstance(found, list) else []
