"""The heartbeat of a lock: a thread of its owner that rewrites it, and notices when another process took it over."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Protocol

from nst_core.run_folder.lock import record as lock_record
from nst_core.run_folder.lock.record import LockLost, Owner, Record, WorkProgress


class LockClaim(Protocol):
    """A lock that this process holds: `FileClaim`, `ObjectClaim`."""

    owner: Owner
    descriptor: int | None
    previous: Record | None

    def beat(self, record: Record) -> None: ...

    def release(self) -> None: ...

    def drop(self) -> None: ...


class Heartbeat:
    """Rewrites one held lock every `BEAT_SECONDS`, from `start` to `stop`.

    Attributes:
        progress: returns the progress of the work that the lock reports, in values that JSON has.
        lost: set once the lock was found to name another owner, or none.
        taken_by: that owner.
        on_lost: called then, in the thread of the heartbeat.
    """

    def __init__(self, claim: LockClaim) -> None:
        self._claim = claim
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)
        self._stopped = threading.Event()
        self.progress: Callable[[], WorkProgress | None] = lambda: None
        self.lost = threading.Event()
        self.taken_by: Owner | None = None
        self.on_lost: Callable[[], None] = lambda: None

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread; waits for a write that is under way, which would make a released lock anew."""
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        beat = 0
        while not self._stopped.wait(lock_record.BEAT_SECONDS):
            beat += 1
            try:
                self._claim.beat(self._record(beat))
            except LockLost as lost:
                self.taken_by = lost.record.owner if lost.record else None
                self.lost.set()
                self.on_lost()
                return
            except Exception:
                # A full disk, a store out of reach: the work itself meets it too, and reports it. Try again.
                continue

    def _record(self, beat: int) -> Record:
        at = time.monotonic()
        try:
            record = Record(self._claim.owner, beat, at, self.progress())
            record.to_bytes()
        except Exception:
            # Whatever is wrong with the progress, the owner lives.
            return Record(self._claim.owner, beat, at)
        return record
