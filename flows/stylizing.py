"""The stage that makes images: a crew, a dispatcher, and a flow in which Prefect shows every try of every chunk."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flows.crews.opening import open_crew
from flows.dispatch import Dispatcher, Terms, Totals
from flows.hands import PrefectHands
from flows.progress import reporter
from flows.signals import stop_requested, stopping_on_signals
from nst_core.config import RunConfig
from nst_core.devices import Fleet
from nst_core.run_folder import Chunk
from nst_core.worker import Work


def stylize_all(chunks: Sequence[Chunk], work: Work, config: RunConfig, fleet: Fleet) -> Totals:
    """Make what is left of the plan. Raises as `Dispatcher.run`."""
    if not chunks:
        return Totals()
    from prefect import flow
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
    with open_crew(execution, fleet, work, chunks, stop_requested.is_set) as crew:
        runner: ThreadPoolTaskRunner[Any] = ThreadPoolTaskRunner(max_workers=crew.size)

        # The chunks are no parameters: Prefect would send them, the whole plan, to its server.
        @flow(name="stylize", task_runner=runner, validate_parameters=False, persist_result=False)  # type: ignore[arg-type]
        def stylize(images: int, chunks_left: int) -> Totals:
            with reporter.stage("Stylizing", images, "images"), stopping_on_signals():
                return Dispatcher(work, crew, terms, PrefectHands(crew.size)).run(chunks)

        return stylize(images, len(chunks))
