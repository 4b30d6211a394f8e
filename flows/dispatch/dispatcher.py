"""The dispatcher: a bounded window of chunks, each tried until it is finished, given up, or the run has to stop.

`nst_core.chunks.retry_policy` decides what follows from an error; the journal of a chunk in the run folder records its
tries.
"""

from __future__ import annotations

import contextlib
import heapq
import itertools
import queue
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeVar

from flows.dispatch.chunk_tries import ChunkTries, DispatchTotals, RetryTerms
from flows.runners.base import Runner, TryOutcome
from nst_core.chunks.poison_search import PoisonSearch
from nst_core.chunks.retry_policy import DEATHS, Verdict, delay, verdict
from nst_core.chunks.work import ChunkReport, Work
from nst_core.errors import Interrupted, PoisonPair, WorkerLost
from nst_core.run_folder.chunk import Chunk
from nst_core.run_folder.chunk_rows import requested_ids, write_unfinished
from nst_core.run_folder.journal import Journal
from nst_core.run_folder.plan_table import PlannedPair
from nst_core.run_folder.results import Status

T = TypeVar("T")

_END_TIMEOUT = 60.0
"""Seconds to wait for each worker where the dispatch itself has failed."""

_POLL = 0.5
"""Seconds between two looks at the stop flag while no outcome arrives."""

SubmitChunk = Callable[[str, int, Callable[[], ChunkReport]], None]
"""Runs a call in another thread, under the id of the chunk and the number of the try."""


class Dispatcher:
    """Has chunks stylized by a runner, at most two per worker under way at a time."""

    def __init__(self, work: Work, runner: Runner, terms: RetryTerms, submit: SubmitChunk) -> None:
        self._work, self._runner, self._terms, self._submit = work, runner, terms, submit
        self._window = 2 * runner.size
        self._outcomes: queue.SimpleQueue[tuple[ChunkTries, TryOutcome]] = queue.SimpleQueue()
        self._delayed: list[tuple[float, int, ChunkTries]] = []
        self._count, self._running = itertools.count(), 0
        self._fatal: BaseException | None = None
        self._total, self._started = 0, time.monotonic()
        self.totals = DispatchTotals()

    def progress(self) -> dict[str, object]:
        """Counts of pairs, the rate, and the activity of the workers, as the run folder's lock shows them."""
        done, seconds = self.totals.statuses.total(), time.monotonic() - self._started
        rate = done / seconds if done else None
        return {
            "total": self._total,
            "done": done,
            "failed": done - self.totals.images,
            "rate": rate,
            "eta_seconds": (self._total - done) / rate if rate else None,
            "workers": self._runner.activity(),
        }

    def run(self, chunks: Sequence[Chunk]) -> DispatchTotals:
        """Stylize the chunks.

        Raises:
            DiskFull, …: the errors that stop a run, by the retry policy; raised once the workers have stopped too.
            Interrupted: the stop flag was set; chunks end within one look at it.
        """
        waiting, self._started = iter(chunks), time.monotonic()
        self._total = sum(len(chunk.wanted) for chunk in chunks)
        try:
            self._fill_window(waiting)
            while self._running or (self._delayed and not self._terms.should_stop()):
                with contextlib.suppress(queue.Empty):
                    tries, outcome = self._outcomes.get(timeout=self._timeout())
                    self._running -= 1
                    self._settle(tries, outcome)
                self._fill_window(waiting)
        except BaseException:
            self._terms.stop()
            self._wait_for_workers()
            raise
        if self._fatal is not None:
            raise self._fatal
        if self._terms.should_stop():
            raise Interrupted
        return self.totals

    def _fill_window(self, waiting: Iterator[Chunk]) -> None:
        """Submit delayed tries that are due, then new chunks."""
        while self._running < self._window and not self._terms.should_stop():
            if self._delayed and self._delayed[0][0] <= time.monotonic():
                tries = heapq.heappop(self._delayed)[2]
            elif (chunk := next(waiting, None)) is not None:
                tries = self._with_retries(partial(ChunkTries.of, chunk, self._work))
            else:
                break
            self._submit(tries.chunk.chunk_id, tries.attempt, partial(self._try, tries))
            self._running += 1

    def _timeout(self) -> float:
        """Seconds to wait for an outcome before the next look around."""
        if not self._delayed or self._running >= self._window or self._terms.should_stop():
            return _POLL
        return min(_POLL, max(0.0, self._delayed[0][0] - time.monotonic()))

    def _try(self, tries: ChunkTries) -> ChunkReport:
        """One try, in a thread of its own, recorded in the journal."""
        try:
            report = self._recorded_try(tries)
        except BaseException as error:
            self._outcomes.put((tries, error))
            raise
        self._outcomes.put((tries, report))
        return report

    def _recorded_try(self, tries: ChunkTries) -> ChunkReport:
        if self._terms.should_stop():
            raise Interrupted  # before it has begun: nothing to record
        chunk_try, journal, started = tries.next_try(self._terms.deadline), tries.journal, time.monotonic()
        pairs = len(requested_ids(chunk_try.chunk))
        journal.note("start", attempt=tries.attempt, pairs=pairs, alone=chunk_try.fresh, runner=self._runner.name)
        try:
            report = self._runner.run(chunk_try, self._terms.progress)
        except BaseException as error:
            if verdict(error) is Verdict.STOP:
                self._terms.stop()  # at once: the others need not wait until this has been settled
            with contextlib.suppress(Exception):  # the error is what counts
                _record_error(journal, error)
            raise
        seconds, spent = round(time.monotonic() - started, 3), report.spent.as_dict()
        journal.note("end", statuses=dict(report.statuses), seconds=seconds, spent=spent)
        return report

    def _settle(self, tries: ChunkTries, outcome: TryOutcome) -> None:
        """Decide what follows from a try."""
        tries.attempt += 1
        if isinstance(outcome, ChunkReport):
            self._take_report(tries, outcome)
            return
        meaning = verdict(outcome)
        if meaning is Verdict.STOP:
            if not isinstance(outcome, Interrupted) and self._fatal is None:
                self._fatal = outcome
            self._terms.stop()
        elif meaning is Verdict.ALONE:
            self._search(tries, outcome)
        elif meaning is Verdict.GIVE_UP or tries.failures >= self._terms.retries:
            self._give_up(tries, outcome)
        else:
            tries.failures += 1
            tries.fresh = tries.fresh or meaning is Verdict.FRESH
            self._try_later(tries, tries.failures)

    def _take_report(self, tries: ChunkTries, report: ChunkReport) -> None:
        tries.totals.add(report.statuses, report.spent)
        tries.attempt = 1
        if tries.suspects is not None:
            tries.settled |= tries.suspects.next_part().only or frozenset()
            tries.suspects.survived()
        self._go_on(tries)

    def _go_on(self, tries: ChunkTries) -> None:
        """Try the next part of a chunk that is searched; any other one is finished."""
        if tries.suspects:
            self._try_later(tries, 0)
            return
        self.totals.add(tries.totals.statuses, tries.totals.spent)
        self._terms.finished(len(tries.chunk.wanted))

    def _search(self, tries: ChunkTries, error: BaseException) -> None:
        """After the death of its process a chunk is tried alone, in ever smaller parts."""
        self.totals.deaths += 1
        if tries.suspects is None:
            tries.suspects = PoisonSearch(tries.chunk)
            self._try_later(tries, 1)
            return
        part = tries.suspects.next_part()
        guilty = tries.suspects.died()
        if guilty is None:
            self._try_later(tries, 1)
            return
        self._write_unfinished(tries, part, "quarantined", _poison(guilty, error))
        self._with_retries(partial(tries.journal.note, "quarantined", pair_id=guilty.pair_id))
        tries.attempt = 1
        tries.settled |= {guilty.pair_id}
        self._go_on(tries)

    def _give_up(self, tries: ChunkTries, error: BaseException) -> None:
        """Write the pairs that are not settled as failed."""
        left = replace(tries.chunk, wanted=tries.chunk.wanted - tries.settled)
        self._write_unfinished(tries, left, "failed", error)
        self._with_retries(partial(tries.journal.note, "given up"))
        tries.suspects = None
        self._go_on(tries)

    def _write_unfinished(self, tries: ChunkTries, part: Chunk, status: Status, error: BaseException) -> None:
        write = partial(write_unfinished, part, self._work.run_folder, status, error, tries.attempt - 1)
        tries.totals.statuses += self._with_retries(write)

    def _with_retries(self, call: Callable[[], T]) -> T:
        """Call what this thread itself reads and writes in the run folder, again after errors that may pass."""
        for failures in range(1, self._terms.retries + 1):
            try:
                return call()
            except Exception as error:
                if verdict(error) is not Verdict.AGAIN:
                    raise
            ends = time.monotonic() + delay(failures)
            while (left := ends - time.monotonic()) > 0 and not self._terms.should_stop():
                time.sleep(min(_POLL, left))
        return call()

    def _wait_for_workers(self) -> None:
        """Wait until the tries have ended: none may be under way when the runner and the lock are released."""
        with contextlib.suppress(queue.Empty):
            while self._running:
                self._outcomes.get(timeout=_END_TIMEOUT)
                self._running -= 1

    def _try_later(self, tries: ChunkTries, failures: int) -> None:
        due = time.monotonic() + (delay(failures) if failures else 0.0)
        heapq.heappush(self._delayed, (due, next(self._count), tries))


def _record_error(journal: Journal, error: BaseException) -> None:
    if isinstance(error, Interrupted):
        journal.note("stopped")
    elif isinstance(error, WorkerLost):
        journal.note("lost", returncode=error.returncode, error_message=str(error))
    else:
        journal.note("failed", error_class=type(error).__name__, error_message=str(error), verdict=verdict(error).value)


def _poison(row: PlannedPair, error: BaseException) -> PoisonPair:
    reason = str(error).removesuffix(".")
    return PoisonPair(
        row.content_path,
        f"its process died {DEATHS} times while it was made alone in the style {row.style_path} ({reason})",
    )
