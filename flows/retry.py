"""The flow of `nst retry`: what failed is tried again, from the run folder alone."""

from __future__ import annotations

import time

from flows.dispatch.stylize_flow import stylize_all
from flows.pipeline import finish
from flows.progress import console
from flows.runners.fleet import fleet_of
from flows.server.resilience import resilient_flow
from flows.signals import stop_requested, stopping_on_signals
from nst_core.chunks.work import work_of
from nst_core.config.method import resolve_method
from nst_core.config.run_config import RunConfig
from nst_core.plan.retry import Only, chunks_to_retry
from nst_core.plan.state import read_state
from nst_core.run_folder.folder import RunFolder
from nst_core.run_folder.summary import RunReport


@resilient_flow(name="nst retry", flow_run_name="retry {name}", validate_parameters=False, persist_result=False)
def retry_run(name: str, config: RunConfig, only: Only | None = None) -> RunReport:
    """Try failed and quarantined pairs of a run again (or one of these kinds); `config` is that of `retry_config`.

    Raises:
        UsageError: weights or the dataset are gone, another method was asked for; nothing was started.
        DiskFull, Interrupted: it stopped early; the same command goes on.
    """
    stop_requested.clear()
    started = time.monotonic()
    folder = RunFolder(config.run_folder)
    method = resolve_method(config, fleet_of(config.execution))
    with folder.locked(say=console.print) as held, stopping_on_signals():
        folder.check_method(method.fingerprints)
        state = read_state(folder)
        chunks = chunks_to_retry(state.plan, folder.outcomes(), only)
        totals = stylize_all(chunks, work_of(config, method), config, method.fleet, held)
        seconds = time.monotonic() - started if chunks else None
        return finish(config, held, state, totals, seconds)
