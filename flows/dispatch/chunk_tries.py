"""A chunk on its way through a dispatch, the terms on which chunks are tried, and what they came to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from flows.runners.base import Order
from nst_core.chunks.poison_search import PoisonSearch
from nst_core.chunks.work import Work
from nst_core.run_folder.chunk import Chunk
from nst_core.run_folder.journal import Journal, count_tries, count_unended_tries
from nst_core.run_folder.time_spent import TimeSpent


@dataclass(frozen=True)
class Terms:
    """How chunks are tried.

    Attributes:
        retries: further tries of a chunk after an error that may pass.
        deadline: seconds that a try may take; None: as long as it likes.
        stop: sets the stop flag; `stopping`: whether it is set.
        made: told the number of pairs of every chunk that is over; `progress`: of pair-evaluations meanwhile.
    """

    retries: int
    deadline: float | None
    stop: Callable[[], None]
    stopping: Callable[[], bool]
    made: Callable[[int], None] = lambda pairs: None
    progress: Callable[[int], None] = lambda evaluations: None


@dataclass
class Totals:
    """What a dispatch came to: pairs by status, where the workers' time went, and how often one of them died."""

    statuses: Counter[str] = field(default_factory=Counter)
    spent: TimeSpent = field(default_factory=TimeSpent)
    deaths: int = 0

    @property
    def made(self) -> int:
        """Images."""
        return self.statuses["success"]


@dataclass
class Case:
    """A chunk on its way: what has been tried, and what is to be tried next.

    Attributes:
        failures: in a way that may pass.
        settled: ids of the pairs that are over, where it is searched for one that kills.
    """

    chunk: Chunk
    journal: Journal
    attempt: int
    suspects: PoisonSearch | None
    failures: int = 0
    fresh: bool = False
    settled: frozenset[str] = frozenset()
    totals: Totals = field(default_factory=Totals)

    @classmethod
    def of(cls, chunk: Chunk, work: Work) -> Case:
        """A try of it that went down with everything makes it a suspect, as does a pair of it that kills."""
        journal = Journal(work.run_folder, chunk.chunk_id)
        events = journal.events()
        suspected = count_unended_tries(events) > 0 or any(event.event == "quarantined" for event in events)
        return cls(chunk, journal, 1 + count_tries(events), PoisonSearch(chunk) if suspected else None)

    def order(self, deadline: float | None) -> Order:
        """What to try next."""
        part = self.suspects.next_part() if self.suspects else self.chunk
        return Order(part, self.attempt, deadline, self.fresh or self.suspects is not None)
