"""The state of a chunk in a dispatch, the terms on which chunks are tried again, and the totals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from flows.runners.base import ChunkTry
from nst_core.chunks.poison_search import PoisonSearch
from nst_core.chunks.work import Work
from nst_core.run_folder.chunk import Chunk
from nst_core.run_folder.journal import Journal, count_tries, count_unended_tries
from nst_core.run_folder.time_spent import TimeSpent


@dataclass(frozen=True)
class RetryTerms:
    """The limits of tries, and the callbacks of a dispatch.

    Attributes:
        retries: further tries of a chunk after an error that may pass.
        deadline: seconds that a try may take; None: no limit.
        stop: sets the stop flag; `should_stop`: whether it is set.
        finished: called with the number of pairs of every chunk that is finished.
        progress: called with the number of pair-evaluations done since its last call.
    """

    retries: int
    deadline: float | None
    stop: Callable[[], None]
    should_stop: Callable[[], bool]
    finished: Callable[[int], None] = lambda pairs: None
    progress: Callable[[int], None] = lambda evaluations: None


@dataclass
class DispatchTotals:
    """Counts of pairs by status, the workers' time by activity, and the number of workers that died."""

    statuses: Counter[str] = field(default_factory=Counter)
    spent: TimeSpent = field(default_factory=TimeSpent)
    deaths: int = 0

    @property
    def images(self) -> int:
        """The number of images that were made."""
        return self.statuses["success"]

    def add(self, statuses: Counter[str], spent: TimeSpent) -> None:
        """Add the counts and the time of a try, or of a chunk."""
        self.statuses += statuses
        self.spent = TimeSpent.sum([self.spent, spent])


@dataclass
class ChunkTries:
    """The tries of one chunk: what has been tried, and what is to be tried next.

    Attributes:
        attempt: number of the next try since the rows of the chunk were last written.
        suspects: the search for the pair that kills its process, where one is suspected.
        failures: number of tries that failed in a way that may pass.
        fresh: whether the next try needs a fresh process.
        settled: ids of the pairs that are finished, during such a search.
    """

    chunk: Chunk
    journal: Journal
    attempt: int
    suspects: PoisonSearch | None
    failures: int = 0
    fresh: bool = False
    settled: frozenset[str] = frozenset()
    totals: DispatchTotals = field(default_factory=DispatchTotals)

    @classmethod
    def of(cls, chunk: Chunk, work: Work) -> ChunkTries:
        """The tries as the journal has them. One without an end, or a pair that killed, makes the chunk a suspect."""
        journal = Journal(work.run_folder, chunk.chunk_id)
        events = journal.events()
        suspected = count_unended_tries(events) > 0 or any(event.event == "quarantined" for event in events)
        return cls(chunk, journal, 1 + count_tries(events), PoisonSearch(chunk) if suspected else None)

    def next_try(self, deadline: float | None) -> ChunkTry:
        """The next try: of the whole chunk, or of a part of it during a search."""
        part = self.suspects.next_part() if self.suspects else self.chunk
        return ChunkTry(part, self.attempt, deadline, self.fresh or self.suspects is not None)
