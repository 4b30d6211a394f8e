"""Handing out chunks: a bounded window of them, each tried until it is done, given up, or the run has to stop.

What an error means is said by `nst_core.chunks.retry_policy`; what happened to a chunk, by its journal in the run
folder.
"""

from __future__ import annotations

import contextlib
import heapq
import itertools
import queue
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeVar

from flows.dispatch.chunk_tries import Case, Terms, Totals
from flows.runners.base import Crew
from nst_core.chunks.poison_search import PoisonSearch
from nst_core.chunks.retry_policy import DEATHS, Verdict, delay, verdict
from nst_core.chunks.work import ChunkReport, Work
from nst_core.errors import Interrupted, PoisonPair, WorkerLost
from nst_core.run_folder.chunk import Chunk
from nst_core.run_folder.chunk_rows import requested_ids, write_unfinished
from nst_core.run_folder.journal import Journal
from nst_core.run_folder.plan_table import PlannedPair
from nst_core.run_folder.results import Status
from nst_core.run_folder.time_spent import TimeSpent

T = TypeVar("T")

_LAST_WAIT = 60.0
"""Seconds that workers are waited for, one after the other, where the dispatch itself has failed."""

_LOOK = 0.5
"""Seconds between two looks at the stop flag while nothing is heard from the workers."""

Outcome = ChunkReport | BaseException
Hands = Callable[[str, int, Callable[[], ChunkReport]], None]
"""Runs a call in another thread, for the chunk and the attempt named."""


class Dispatcher:
    """Makes chunks with a crew, at most two per worker handed out at a time."""

    def __init__(self, work: Work, crew: Crew, terms: Terms, hands: Hands) -> None:
        self._work, self._crew, self._terms, self._hands = work, crew, terms, hands
        self._window = 2 * crew.size
        self._heard: queue.SimpleQueue[tuple[Case, Outcome]] = queue.SimpleQueue()
        self._later: list[tuple[float, int, Case]] = []
        self._count, self._running = itertools.count(), 0
        self._fatal: BaseException | None = None
        self._total, self._started = 0, time.monotonic()
        self.totals = Totals()

    def now(self) -> dict[str, object]:
        """How far the work is, and what the workers are at: what the run folder's lock says to who asks."""
        done, seconds = self.totals.statuses.total(), time.monotonic() - self._started
        rate = done / seconds if done else None
        return {
            "total": self._total,
            "done": done,
            "failed": done - self.totals.made,
            "rate": rate,
            "eta_seconds": (self._total - done) / rate if rate else None,
            "workers": self._crew.now(),
        }

    def run(self, chunks: Sequence[Chunk]) -> Totals:
        """Make the chunks.

        Raises:
            DiskFull, …: what `policy` says that a run stops for, once the workers have stopped too.
            Interrupted: asked to stop; chunks end within one look at the flag.
        """
        waiting, self._started = iter(chunks), time.monotonic()
        self._total = sum(len(chunk.wanted) for chunk in chunks)
        try:
            self._hand_out(waiting)
            while self._running or (self._later and not self._terms.stopping()):
                with contextlib.suppress(queue.Empty):
                    case, outcome = self._heard.get(timeout=self._patience())
                    self._running -= 1
                    self._settle(case, outcome)
                self._hand_out(waiting)
        except BaseException:
            self._terms.stop()
            self._wait_for_the_others()
            raise
        if self._fatal is not None:
            raise self._fatal
        if self._terms.stopping():
            raise Interrupted
        return self.totals

    def _hand_out(self, waiting: Iterator[Chunk]) -> None:
        """Fill the window: first what was put off and is due, then new chunks."""
        while self._running < self._window and not self._terms.stopping():
            if self._later and self._later[0][0] <= time.monotonic():
                case = heapq.heappop(self._later)[2]
            elif (chunk := next(waiting, None)) is not None:
                case = self._insisting(partial(Case.of, chunk, self._work))
            else:
                break
            self._hands(case.chunk.chunk_id, case.attempt, partial(self._try, case))
            self._running += 1

    def _patience(self) -> float:
        """Seconds to wait for the workers before the next look around."""
        if not self._later or self._running >= self._window or self._terms.stopping():
            return _LOOK
        return min(_LOOK, max(0.0, self._later[0][0] - time.monotonic()))

    def _try(self, case: Case) -> ChunkReport:
        """One try, in a thread of its own, with its lines in the journal."""
        try:
            report = self._noted(case)
        except BaseException as error:
            self._heard.put((case, error))
            raise
        self._heard.put((case, report))
        return report

    def _noted(self, case: Case) -> ChunkReport:
        if self._terms.stopping():
            raise Interrupted  # before it has begun: nothing to note
        order, journal, started = case.order(self._terms.deadline), case.journal, time.monotonic()
        pairs = len(requested_ids(order.chunk))
        journal.note("start", attempt=case.attempt, pairs=pairs, alone=order.fresh, crew=self._crew.name)
        try:
            report = self._crew.make(order, self._terms.progress)
        except BaseException as error:
            if verdict(error) is Verdict.STOP:
                self._terms.stop()  # at once: the others need not wait until this has been settled
            with contextlib.suppress(Exception):  # the error is what counts
                _note_error(journal, error)
            raise
        seconds, spent = round(time.monotonic() - started, 3), report.spent.as_dict()
        journal.note("end", statuses=dict(report.statuses), seconds=seconds, spent=spent)
        return report

    def _settle(self, case: Case, outcome: Outcome) -> None:
        """Decide what follows from a try."""
        case.attempt += 1
        if isinstance(outcome, ChunkReport):
            self._go_on(case, outcome)
            return
        meaning = verdict(outcome)
        if meaning is Verdict.STOP:
            self._stop(outcome)
        elif meaning is Verdict.ALONE:
            self._search(case, outcome)
        elif meaning is Verdict.GIVE_UP or case.failures >= self._terms.retries:
            self._give_up(case, outcome)
        else:
            case.failures += 1
            case.fresh = case.fresh or meaning is Verdict.FRESH
            self._put_off(case, case.failures)

    def _go_on(self, case: Case, report: ChunkReport) -> None:
        case.totals.statuses += report.statuses
        case.totals.spent = TimeSpent.sum([case.totals.spent, report.spent])
        case.attempt = 1
        if case.suspects is not None:
            case.settled |= case.suspects.next_part().only or frozenset()
            case.suspects.survived()
        self._next_part(case)

    def _next_part(self, case: Case) -> None:
        """Whatever of a chunk under suspicion is still to be tried; else it is over."""
        if case.suspects:
            self._put_off(case, 0)
            return
        self.totals.statuses += case.totals.statuses
        self.totals.spent = TimeSpent.sum([self.totals.spent, case.totals.spent])
        self._terms.made(len(case.chunk.wanted))

    def _search(self, case: Case, error: BaseException) -> None:
        """Its process died: from now on it is tried alone, in ever smaller parts."""
        self.totals.deaths += 1
        if case.suspects is None:
            case.suspects = PoisonSearch(case.chunk)
            self._put_off(case, 1)
            return
        part = case.suspects.next_part()
        guilty = case.suspects.died()
        if guilty is None:
            self._put_off(case, 1)
            return
        poison = _poison(guilty, error)
        case.totals.statuses += self._noted_unfinished(case, part, "quarantined", poison)
        self._insisting(partial(case.journal.note, "quarantined", pair_id=guilty.pair_id))
        case.attempt = 1
        case.settled |= {guilty.pair_id}
        self._next_part(case)

    def _give_up(self, case: Case, error: BaseException) -> None:
        """It failed for good: rows that say so, but for the parts that are settled."""
        left = replace(case.chunk, wanted=case.chunk.wanted - case.settled)
        case.totals.statuses += self._noted_unfinished(case, left, "failed", error)
        self._insisting(partial(case.journal.note, "given up"))
        case.suspects = None
        self._next_part(case)

    def _noted_unfinished(self, case: Case, part: Chunk, status: Status, error: BaseException) -> Counter[str]:
        folder, tries = self._work.run_folder, case.attempt - 1
        return self._insisting(partial(write_unfinished, part, folder, status, error, tries))

    def _insisting(self, call: Callable[[], T]) -> T:
        """What this thread itself reads and writes in the run folder is tried again like a chunk."""
        for failures in range(1, self._terms.retries + 1):
            try:
                return call()
            except Exception as error:
                if verdict(error) is not Verdict.AGAIN:
                    raise
            ends = time.monotonic() + delay(failures)
            while (left := ends - time.monotonic()) > 0 and not self._terms.stopping():
                time.sleep(min(_LOOK, left))
        return call()

    def _wait_for_the_others(self) -> None:
        """They have been told to stop, and must not be at work any more when the crew and the lock are given up."""
        with contextlib.suppress(queue.Empty):
            while self._running:
                self._heard.get(timeout=_LAST_WAIT)
                self._running -= 1

    def _stop(self, error: BaseException) -> None:
        """The run ends: the others are told, and what they still say is waited for."""
        if not isinstance(error, Interrupted) and self._fatal is None:
            self._fatal = error
        self._terms.stop()

    def _put_off(self, case: Case, failures: int) -> None:
        due = time.monotonic() + (delay(failures) if failures else 0.0)
        heapq.heappush(self._later, (due, next(self._count), case))


def _note_error(journal: Journal, error: BaseException) -> None:
    if isinstance(error, Interrupted):
        journal.note("stopped")
    elif isinstance(error, WorkerLost):
        journal.note("lost", returncode=error.returncode, error_message=str(error))
    else:
        journal.note("failed", error_class=type(error).__name__, error_message=str(error), verdict=verdict(error).value)


def _poison(row: PlannedPair, error: BaseException) -> PoisonPair:
    how = str(error).removesuffix(".")
    return PoisonPair(
        row.content_path,
        f"its process died {DEATHS} times while it was made alone in the style {row.style_path} ({how})",
    )
