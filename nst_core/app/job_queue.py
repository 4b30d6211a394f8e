"""The jobs of all clients: bounds on new ones, the order in which they run, and what became of finished ones."""

from __future__ import annotations

import threading
from collections import deque
from typing import Any

from nst_core.app.fair_queue import FairQueue
from nst_core.app.fair_shares import of_largest_holder
from nst_core.app.jobs import FINAL, Job, JobState
from nst_core.app.limits import Limits
from nst_core.app.request_errors import RequestError
from nst_core.app.uploads import Upload, Uploads

MAX_FINISHED = 500
"""Finished jobs that are remembered, of all clients together; their images stay in the run folder."""

DEFAULT_SECONDS = 20.0
"""Expected duration of a job while none has finished."""


class JobQueue:
    """Jobs by client, waiting, running and finished. Thread-safe.

    Args:
        workers: jobs that run at a time.
    """

    def __init__(self, limits: Limits, uploads: Uploads, workers: int) -> None:
        self._limits, self._uploads, self._workers = limits, uploads, workers
        self._waiting: FairQueue[Job] = FairQueue()
        self._jobs: dict[str, Job] = {}
        self._finished: deque[Job] = deque()
        self._durations: deque[float] = deque(maxlen=10)
        self._changed = threading.Condition()
        self.closing = False

    def add(self, job: Job) -> None:
        """Put a job into the queue. Raises RequestError where there is no room for it."""
        with self._changed:
            if self.closing:
                raise RequestError(503, "The server is being stopped: try again in a while.", 30)
            own = [other for other in self._jobs.values() if other.client == job.client and other.state not in FINAL]
            if len(own) >= self._limits.per_person:
                raise RequestError(
                    429, f"You have {len(own)} pictures on their way: wait for one of them, or cancel one.", 10
                )
            same = [other for other in self._jobs.values() if other.address == job.address and other.state not in FINAL]
            if len(same) >= self._limits.per_address:
                raise RequestError(
                    429, f"{len(same)} pictures are on their way from your address: try again in a while.", 10
                )
            if len(self._waiting) >= self._limits.queue:
                raise RequestError(503, f"{len(self._waiting)} pictures are waiting already: try again in a while.", 30)
            self._uploads.hold(uploads_of(job))
            self._jobs[job.id] = job
            self._waiting.add(job.client, job, job.address)
            self._notify()

    def find(self, client: str, identity: str) -> Job:
        """A job of that client. Raises RequestError."""
        job = self._jobs.get(identity)
        if job is None or job.client != client:
            raise RequestError(404, "There is no such picture of yours here.")
        return job

    def jobs_of(self, client: str) -> list[Job]:
        """The jobs of a client, newest first."""
        with self._changed:
            return [job for job in reversed(self._jobs.values()) if job.client == client]

    def take(self) -> Job | None:
        """The next job, marked as running; waits until there is one. None once the queue is closed."""
        with self._changed:
            while not self.closing:
                job = self._waiting.take()
                if job is not None:
                    job.update(state="running")
                    self._notify()
                    return job
                self._changed.wait()
        return None

    def cancel(self, job: Job) -> None:
        """Cancel a job: at once if it waits, within an evaluation if it runs. Raises RequestError if it is over."""
        with self._changed:
            if job.state in FINAL:
                raise RequestError(409, "That picture is finished already.")
            job.cancelled.set()
            if self._waiting.remove(job):
                self._finish(job, "cancelled", None)

    def finish(self, job: Job, state: JobState, error: str | None = None, seconds: float | None = None) -> None:
        """Record the final state of a job that ran, and how long it took."""
        with self._changed:
            if seconds is not None and state == "done":
                self._durations.append(seconds)
            self._finish(job, state, error)

    def close(self) -> None:
        """Cancel the waiting jobs and have the running ones stopped; no further job is taken or given out."""
        with self._changed:
            self.closing = True
            for job in list(self._jobs.values()):
                if self._waiting.remove(job):
                    self._finish(job, "cancelled", "The server was stopped before it came to this picture.")
            self._changed.notify_all()

    def job_json(self, job: Job) -> dict[str, Any]:
        """A job as the API shows it, with its position in the queue."""
        with self._changed:
            order = self._waiting.order() if job.state == "queued" else []
            position = order.index(job) if job in order else None
            return job.as_json(position, None if position is None else self._wait_seconds(position))

    def _wait_seconds(self, position: int) -> float:
        """Expected seconds until the job at this position begins."""
        each = sum(self._durations) / len(self._durations) if self._durations else DEFAULT_SECONDS
        running = [job for job in self._jobs.values() if job.state == "running"]
        left = sum(each if (own := job.seconds_left()) is None else own for job in running)
        return (left + position * each) / self._workers

    def _finish(self, job: Job, state: JobState, error: str | None) -> None:
        job.update(state=state, error=error)
        self._uploads.release(uploads_of(job))
        self._finished.append(job)
        while len(self._finished) > MAX_FINISHED:
            oldest = of_largest_holder(self._finished, lambda one: (one.address, one.client))[0]
            self._finished.remove(oldest)
            self._jobs.pop(oldest.id, None)
        self._notify()

    def _notify(self) -> None:
        """Wake the workers, and mark every waiting job as changed: its position may be another one."""
        for job in self._waiting.order():
            job.update()
        self._changed.notify_all()


def uploads_of(job: Job) -> list[Upload]:
    """The uploads that a job needs."""
    return [picture.source for picture in (job.content, job.style) if isinstance(picture.source, Upload)]
