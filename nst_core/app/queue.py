"""Whose turn it is: those who wait are served in turn, and each of them in the order of their own jobs."""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import Generic, TypeVar

Job = TypeVar("Job")

REMEMBERED = 1000
"""People whose last turn is remembered."""


class FairQueue(Generic[Job]):
    """A queue of people with jobs. Next is who was served longest ago; who never was comes before them, first come.

    So ten jobs of one person do not make another wait for more than the one that is at work. Not for several threads.
    """

    def __init__(self) -> None:
        self._waiting: dict[str, deque[Job]] = {}
        self._served: OrderedDict[str, int] = OrderedDict()
        self._turn = 0

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))

    def add(self, person: str, job: Job) -> None:
        """The last of that person's jobs."""
        self._waiting.setdefault(person, deque()).append(job)

    def take(self) -> Job | None:
        """The job whose turn it is; None where nobody waits."""
        if not self._waiting:
            return None
        person = self._next(self._waiting, self._served)
        jobs = self._waiting[person]
        job = jobs.popleft()
        if not jobs:
            del self._waiting[person]
        self._turn += 1
        self._served[person] = self._turn
        self._served.move_to_end(person)
        while len(self._served) > REMEMBERED:
            self._served.popitem(last=False)
        return job

    def remove(self, job: Job) -> bool:
        """Take a job out; whether it was there."""
        for person, jobs in self._waiting.items():
            if job in jobs:
                jobs.remove(job)
                if not jobs:
                    del self._waiting[person]
                return True
        return False

    def order(self) -> list[Job]:
        """The jobs in the order in which they will be taken, if nobody comes or goes."""
        waiting = {person: deque(jobs) for person, jobs in self._waiting.items()}
        served, turn, found = dict(self._served), self._turn, list[Job]()
        while waiting:
            person = self._next(waiting, served)
            found.append(waiting[person].popleft())
            if not waiting[person]:
                del waiting[person]
            turn += 1
            served[person] = turn
        return found

    @staticmethod
    def _next(waiting: dict[str, deque[Job]], served: OrderedDict[str, int] | dict[str, int]) -> str:
        return min(waiting, key=lambda person: served.get(person, 0))  # of several, the first that came
