"""The desk: takes people's jobs, says whose turn it is, and remembers what became of them."""

from __future__ import annotations

import threading
from collections import deque
from typing import Any

from nst_core.app.jobs import FINAL, Job, JobState
from nst_core.app.limits import Limits
from nst_core.app.queue import FairQueue
from nst_core.app.refusals import Refusal
from nst_core.app.uploads import Upload, Uploads

REMEMBERED = 500
"""Finished jobs that are remembered, of all people together; their images stay in the run folder."""

GUESS_SECONDS = 20.0
"""How long a job takes, before the first one has told."""


class Desk:
    """Jobs of all people. For several threads."""

    def __init__(self, limits: Limits, uploads: Uploads, hands: int) -> None:
        self._limits, self._uploads, self._hands = limits, uploads, hands
        self._queue: FairQueue[Job] = FairQueue()
        self._jobs: dict[str, Job] = {}
        self._finished: deque[Job] = deque()
        self._took: deque[float] = deque(maxlen=10)
        self._changed = threading.Condition()
        self.closing = False

    def add(self, job: Job) -> None:
        """Put a job into the queue. Raises Refusal where there is no room for it."""
        with self._changed:
            if self.closing:
                raise Refusal(503, "The server is being stopped: try again in a while.", 30)
            own = [other for other in self._jobs.values() if other.person == job.person and other.state not in FINAL]
            if len(own) >= self._limits.per_person:
                raise Refusal(
                    429, f"You have {len(own)} pictures on their way: wait for one of them, or cancel one.", 10
                )
            if len(self._queue) >= self._limits.queue:
                raise Refusal(503, f"{len(self._queue)} pictures are waiting already: try again in a while.", 30)
            self._uploads.hold(uploads_of(job))
            self._jobs[job.id] = job
            self._queue.add(job.person, job)
            self._tell_those_who_wait()

    def find(self, person: str, identity: str) -> Job:
        """A job of that person. Raises Refusal."""
        job = self._jobs.get(identity)
        if job is None or job.person != person:
            raise Refusal(404, "There is no such picture of yours here.")
        return job

    def of(self, person: str) -> list[Job]:
        """The jobs of a person, newest first."""
        with self._changed:
            return [job for job in reversed(self._jobs.values()) if job.person == person]

    def take(self) -> Job | None:
        """The job whose turn it is, running from now on; waits for one. None when the desk closes."""
        with self._changed:
            while not self.closing:
                job = self._queue.take()
                if job is not None:
                    job.change(state="running")
                    self._tell_those_who_wait()
                    return job
                self._changed.wait()
        return None

    def cancel(self, job: Job) -> None:
        """Take a job back: at once if it waits, within an evaluation if it runs. Raises Refusal if it is over."""
        with self._changed:
            if job.state in FINAL:
                raise Refusal(409, "That picture is finished already.")
            job.cancelled.set()
            if self._queue.remove(job):
                self._end(job, "cancelled", None)

    def end(self, job: Job, state: JobState, error: str | None = None, seconds: float | None = None) -> None:
        """A job that ran is over."""
        with self._changed:
            if seconds is not None and state == "done":
                self._took.append(seconds)
            self._end(job, state, error)

    def close(self) -> None:
        """Nobody is served any more: those who wait are sent away, what runs is stopped."""
        with self._changed:
            self.closing = True
            for job in list(self._jobs.values()):
                if self._queue.remove(job):
                    self._end(job, "cancelled", "The server was stopped before it came to this picture.")
            self._changed.notify_all()

    def told(self, job: Job) -> dict[str, Any]:
        """A job as the API tells it."""
        with self._changed:
            order = self._queue.order() if job.state == "queued" else []
            position = order.index(job) if job in order else None
            return job.as_json(position, None if position is None else self._wait(position))

    def _wait(self, position: int) -> float:
        """Seconds until a job with so many before it begins, about."""
        each = sum(self._took) / len(self._took) if self._took else GUESS_SECONDS
        running = [job for job in self._jobs.values() if job.state == "running"]
        left = sum(each if (own := job.seconds_left()) is None else own for job in running)
        return (left + position * each) / self._hands

    def _end(self, job: Job, state: JobState, error: str | None) -> None:
        job.change(state=state, error=error)
        self._uploads.release(uploads_of(job))
        self._finished.append(job)
        while len(self._finished) > REMEMBERED:
            self._jobs.pop(self._finished.popleft().id, None)
        self._tell_those_who_wait()

    def _tell_those_who_wait(self) -> None:
        for job in self._queue.order():
            job.change()
        self._changed.notify_all()


def uploads_of(job: Job) -> list[Upload]:
    """The uploads that a job needs."""
    return [side.picture for side in (job.content, job.style) if isinstance(side.picture, Upload)]
