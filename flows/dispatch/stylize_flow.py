"""The stage that makes images: a runner, a dispatcher, and a flow in which Prefect shows every try of every chunk."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flows.dispatch.chunk_tries import DispatchTotals, RetryTerms
from flows.dispatch.dispatcher import Dispatcher
from flows.dispatch.prefect_tasks import PrefectTasks
from flows.progress import reporter
from flows.runners.selection import open_runner
from flows.server.artifacts import shown_progress
from flows.server.resilience import resilient_flow
from flows.signals import stop_requested, stopping_on_signals
from nst_core.chunks.work import Work
from nst_core.config.devices import Fleet
from nst_core.config.run_config import RunConfig
from nst_core.run_folder.chunk import Chunk
from nst_core.run_folder.lock.run_lock import RunLock


def stylize_all(
    chunks: Sequence[Chunk], work: Work, config: RunConfig, fleet: Fleet, lock: RunLock | None = None
) -> DispatchTotals:
    """Stylize what is left of the plan.

    Args:
        lock: the run folder's lock, which shows the progress; when it is lost, the work stops.

    Raises:
        DiskFull, Interrupted, …: as `Dispatcher.run`.
    """
    if not chunks:
        return DispatchTotals()
    from prefect.task_runners import ThreadPoolTaskRunner

    execution, images = config.execution, sum(len(chunk.wanted) for chunk in chunks)
    per_image = max(1, work.recipe.total_evaluations)
    terms = RetryTerms(
        execution.retries,
        execution.chunk_deadline,
        stop_requested.set,
        stop_requested.is_set,
        reporter.advance,
        lambda evaluations: reporter.advance_part(evaluations / per_image),
    )
    inherited = () if lock is None or lock.descriptor is None else (lock.descriptor,)
    with open_runner(execution, fleet, work, chunks, stop_requested.is_set, inherited) as runner:
        threads: ThreadPoolTaskRunner[Any] = ThreadPoolTaskRunner(max_workers=runner.size)

        # The chunks are no parameters: Prefect would send them, the whole plan, to its server.
        @resilient_flow(name="stylize", task_runner=threads, validate_parameters=False, persist_result=False)
        def stylize(images: int, chunks_left: int) -> DispatchTotals:
            dispatcher = Dispatcher(work, runner, terms, PrefectTasks(runner.size))
            if lock is not None:
                lock.report(dispatcher.progress)
                lock.when_lost(stop_requested.set)
            with (
                reporter.stage("Stylizing", images, "images"),
                shown_progress(config.name, lambda: dispatcher.totals.statuses.total() / images),
                stopping_on_signals(),
            ):
                return dispatcher.run(chunks)

        return stylize(images, len(chunks))
