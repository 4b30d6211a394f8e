"""A foreman keeps one worker process at work: a child, started when it is first needed, and anew when it died."""

from __future__ import annotations

from flows.runners.base import Order, PairProgress, Stop
from flows.runners.process import Child, Place
from nst_core.chunks.retry_policy import Verdict, verdict
from nst_core.chunks.work import ChunkReport, Work
from nst_core.errors import WorkerLost, WorkerNotStarted


class Foreman:
    """Not for several threads at a time, but for `abort`."""

    def __init__(self, work: Work, place: Place) -> None:
        self._work, self._place = work, place
        self._child: Child | None = None
        self._alone_for: str | None = None  # the chunk that the child works for and for no other, if it is suspected

    def make(self, order: Order, progress: PairProgress, should_stop: Stop) -> ChunkReport:
        """Have a chunk made. A fresh order gets a new child, which works for no other chunk. Raises as `Child.make`."""
        alone_for = order.chunk.chunk_id if order.fresh else None
        if alone_for != self._alone_for:
            self.close()
        self._alone_for = alone_for
        self._child = self._child or Child(self._work, self._place)
        try:
            return self._child.make(order, progress, should_stop)
        except (WorkerLost, WorkerNotStarted):
            self._child = None
            raise
        except Exception as error:
            if verdict(error) is Verdict.FRESH:
                self.close()  # it cannot be trusted any more, neither by this chunk nor by the next one
            raise

    def abort(self) -> None:
        """From another thread: end the process at once; a `make` that is under way says that it was lost."""
        if (child := self._child) is not None:
            child.abort()

    def close(self) -> None:
        """End the process, if there is one."""
        if self._child is not None:
            self._child.close()
        self._child = None
