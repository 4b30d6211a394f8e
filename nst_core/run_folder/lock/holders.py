"""Who works in a run folder, over several looks: also owners on other machines, of whom only their heartbeat tells."""

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
    """Those who hold a run folder: `present` work there, `gone` were killed, or their machine was."""

    present: tuple[Holder, ...]
    gone: tuple[Holder, ...]

    @property
    def rate(self) -> float | None:
        """Images per second of all together, where they say."""
        rates = [rate for holder in self.present if (rate := said(holder, "rate")) is not None]
        return sum(rates) if rates else None

    @property
    def eta_seconds(self) -> float | None:
        """Until the last of them is done, where they say."""
        return max((eta for holder in self.present if (eta := said(holder, "eta_seconds")) is not None), default=None)


class Watcher:
    """Looks at the locks of one run folder, and remembers when each heart last beat."""

    def __init__(self, root: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._root, self._clock = root, clock
        self._beats: dict[str, tuple[int, float]] = {}

    def look(self) -> Holders:
        """Who is there now. Raises RunFolderError if the store cannot be read."""
        holders = read_holders(self._root)
        present = tuple(holder for holder in holders if self._lives(holder))
        return Holders(present, tuple(holder for holder in holders if holder not in present))

    def _lives(self, holder: Holder) -> bool:
        """By the kernel's word, or because its beat moved lately by our own clock; at first sight we believe it."""
        if holder.alive is not None or holder.owner is None:
            return holder.alive is not False
        beat, now = self._beats.get(holder.owner.token), self._clock()
        if beat is None or beat[0] != holder.beat:
            self._beats[holder.owner.token] = holder.beat, now
            return True
        return now - beat[1] < STALE_SECONDS


def said(holder: Holder, key: str) -> float | None:
    """A number of what a holder said of its work; it may come from another version of this program."""
    value = (holder.progress or {}).get(key)
    return float(value) if isinstance(value, int | float) else None


def workers(holder: Holder) -> Sequence[dict[str, Any]]:
    """What a holder said of its workers: `name`, `chunk`, `pairs`, `seconds`."""
    found = (holder.progress or {}).get("workers")
    return [worker for worker in found if isinstance(worker, dict)] if isinstance(found, list) else []
