"""The stage that makes images: a crew, a dispatcher, and a flow in which Prefect shows every try of every chunk."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flows.dispatch.chunk_tries import Terms, Totals
from flows.dispatch.dispatcher import Dispatcher
from flows.dispatch.prefect_tasks import PrefectHands
from flows.progress import reporter
from flows.runners.selection import open_crew
from flows.server.artifacts import shown_progress
from flows.server.resilience import surviving_flow
from flows.signals import stop_requested, stopping_on_signals
from nst_core.chunks.work import Work
from nst_core.config.devices import Fleet
from nst_core.config.run_config import RunConfig
from nst_core.run_folder.chunk import Chunk
from nst_core.run_folder.lock.run_lock import RunLock


def stylize_all(
    chunks: Sequence[Chunk], work: Work, config: RunConfig, fleet: Fleet, held: RunLock | None = None
) -> Totals:
    """Make what is left of the plan.

    Args:
        held: the run folder's lock: it is told how far the work is, and when it is lost, the work stops.

    Raises:
        DiskFull, Interrupted, …: as `Dispatcher.run`.
    """
    if not chunks:
        return Totals()
    from prefect.task_runners import ThreadPoolTaskRunner

    execution, images = config.execution, sum(len(chunk.wanted) for chunk in chunks)
    per_image = max(1, work.recipe.evaluations)
    terms = Terms(
        execution.retries,
        execution.chunk_deadline,
        stop_requested.set,
        stop_requested.is_set,
        reporter.advance,
        lambda evaluations: reporter.advance_part(evaluations / per_image),
    )
    inherited = () if held is None or held.descriptor is None else (held.descriptor,)
    with open_crew(execution, fleet, work, chunks, stop_requested.is_set, inherited) as crew:
        runner: ThreadPoolTaskRunner[Any] = ThreadPoolTaskRunner(max_workers=crew.size)

        # The chunks are no parameters: Prefect would send them, the whole plan, to its server.
        @surviving_flow(name="stylize", task_runner=runner, validate_parameters=False, persist_result=False)
        def stylize(images: int, chunks_left: int) -> Totals:
            dispatcher = Dispatcher(work, crew, terms, PrefectHands(crew.size))
            if held is not None:
                held.report(dispatcher.now)
                held.when_lost(stop_requested.set)
            with (
                reporter.stage("Stylizing", images, "images"),
                shown_progress(config.name, lambda: dispatcher.totals.statuses.total() / images),
                stopping_on_signals(),
            ):
                return dispatcher.run(chunks)

        return stylize(images, len(chunks))
