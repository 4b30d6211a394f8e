"""The flows of a run: download → pair → plan → stylize in chunks → gallery; and the one that retries failed pairs."""

from __future__ import annotations

import time
from contextvars import ContextVar
from dataclasses import replace
from pathlib import Path

from prefect.cache_policies import NO_CACHE

from flows.dispatch.chunk_tries import DispatchTotals
from flows.dispatch.prefect_tasks import TAG
from flows.dispatch.stylize_flow import stylize_all
from flows.download import download_stage
from flows.progress import console, reporter
from flows.runners.selection import fleet_of
from flows.server.artifacts import show_summary
from flows.server.resilience import opaque, resilient_flow, resilient_task
from flows.signals import stop_requested, stopping_on_signals
from nst_core.chunks.work import work_of
from nst_core.config.resolved_method import ResolvedMethod, resolve_method
from nst_core.config.run_config import RunConfig
from nst_core.errors import Interrupted, NstError
from nst_core.plan.current_inputs import with_current_inputs
from nst_core.plan.forecast import check_room
from nst_core.plan.new_part import check_strict, new_part
from nst_core.plan.part_tables import part_tables
from nst_core.plan.retry import Only, chunks_to_retry
from nst_core.plan.state import RunState, missing_pages, read_state
from nst_core.plan.wanted import WantedPairs, wanted_pairs
from nst_core.run_folder.artists import record_artist_facts
from nst_core.run_folder.card import write_card
from nst_core.run_folder.chunk import rows_of_shard
from nst_core.run_folder.folder import RunFolder
from nst_core.run_folder.lock.run_lock import RunLock
from nst_core.run_folder.run_yaml import run_yaml_data
from nst_core.run_folder.shard import Shard
from nst_core.run_folder.summary import RunReport, is_current, summarize, write_summary

_wanted_before: ContextVar[WantedPairs | None] = ContextVar("wanted_before", default=None)
"""The pairs that `run_pipeline` hands to the flow. They are no parameter, which Prefect would send to its server."""


def run_pipeline(
    config: RunConfig, strict: bool, force: bool, shard: str | None, wanted: WantedPairs | None
) -> RunReport:
    """Run the flow in this process.

    Args:
        wanted: the pairs of `config`, if its sources have been read already; they are then not read again.

    Raises:
        UsageError, DiskFull, Interrupted: as `pipeline`.
    """
    token = _wanted_before.set(wanted)
    try:
        return pipeline(config.name, config, strict, force, shard)
    finally:
        _wanted_before.reset(token)


def show(done: int, total: int) -> None:
    """Report the progress of a stage. Raises Interrupted when the run was asked to stop."""
    reporter.at_least(done, total)
    if stop_requested.is_set():
        raise Interrupted


@resilient_task(name="pair", tags=[TAG], cache_policy=NO_CACHE, persist_result=False)
def pair_task(config: RunConfig, method: ResolvedMethod, wanted: WantedPairs | None = None) -> WantedPairs:
    """Pair contents with styles, unless that has been done: `wanted`."""
    if wanted is not None:
        return wanted
    with reporter.stage("Reading the sources", 0, "files"):
        return wanted_pairs(config, method.fingerprints.method, show)


@resilient_task(name="plan", tags=[TAG], cache_policy=NO_CACHE, persist_result=False)
def plan_task(
    config: RunConfig, method: ResolvedMethod, wanted: WantedPairs, folder: RunFolder, strict: bool, force: bool
) -> int:
    """Append the missing pairs to the plan, and facts on their artists; returns the number of these pairs."""
    with reporter.stage("Inspecting images", 0, "files"):
        part = new_part(config, method, wanted, folder, show)
    if strict:
        check_strict([*wanted.unreadable, *with_current_inputs(folder.read_plan(), wanted).errors(), *part.errors()])
    if not force:
        check_room(config, read_state(folder, wanted), part)
    folder.write_run_yaml(run_yaml_data(config, method, wanted.left_out))
    record_artist_facts(folder.root, wanted.artists)
    if len(part):
        folder.append_plan(part.number, part_tables(part))
    return len(part)


@resilient_task(name="judge", tags=[TAG], cache_policy=NO_CACHE, persist_result=False)
def judge_task(run_folder: Path) -> None:
    """Judge the pictures of a run folder."""
    from nst_core.judging.run_judging import judge_run

    with reporter.stage("Judging", 0, "pictures"):
        quality = judge_run(run_folder, progress=show)
    if quality.left_out:
        console.print(f"{len(quality.left_out)} pictures could not be judged: `nst judge {run_folder}` says why.")


@resilient_task(name="describe", tags=[TAG], cache_policy=NO_CACHE, persist_result=False)
def describe_task(run_folder: Path) -> None:
    """Describe the pictures of a run folder. The run goes on whatever becomes of it."""
    from nst_core.describing.run_describing import describe_run

    try:
        with reporter.stage("Describing", 0, "pictures"):
            description = describe_run(run_folder, progress=show)
    except Interrupted:
        raise
    except NstError as error:
        console.print(f"The pictures could not be described: {error}", markup=False, soft_wrap=True)
        return
    if description.left_out:
        console.print(
            f"{len(description.left_out)} pictures could not be described: `nst describe {run_folder}` says why."
        )


@resilient_task(name="gallery", tags=[TAG], cache_policy=NO_CACHE, persist_result=False)
def gallery_task(run_folder: Path) -> Path:
    """Build the gallery of a run folder."""
    from nst_core.views.gallery.lock import WAIT_SECONDS
    from nst_core.views.pages import build_pages

    with reporter.stage("Building the gallery", 0, "steps"):
        return build_pages([run_folder], progress=show, wait=WAIT_SECONDS, stopped=stop_requested.is_set).index


@resilient_task(name="report", tags=[TAG], cache_policy=NO_CACHE, persist_result=False)
def report_task(run_folder: Path) -> Path:
    """Make the report of a run folder."""
    from nst_core.views.report import build_report

    with reporter.stage("Making the report", 0, "files"):
        return build_report(run_folder, progress=show).page


@resilient_flow(name="nst pipeline", flow_run_name="{name}", validate_parameters=False, persist_result=False)
def pipeline(
    name: str, config: RunConfig, strict: bool = False, force: bool = False, shard: str | None = None
) -> RunReport:
    """Stylize what a run file asks for and its folder does not hold yet.

    Args:
        strict: start nothing if any input is bad.
        force: start even if what will be written may not fit.
        shard: such as `2/8`: make this share only, while others make theirs; the report is then about the share.

    Raises:
        UsageError: the configuration, the manifest, the weights or the run folder are wrong, or there is no room for
            what would be written (unless `force`); nothing was started.
        DiskFull, Interrupted: the run stopped early and can be resumed.
    """
    stop_requested.clear()
    started = time.monotonic()
    folder = RunFolder(config.run_folder)
    method = resolve_method(config, fleet_of(config.execution))
    folder.check_resume(config.execution.resume)
    folder.check_method(method.fingerprints)
    download_stage(config)
    wanted = pair_task(config, opaque(method), opaque(_wanted_before.get()))
    share = Shard.parse(shard) if shard else None
    with folder.locked(share, console.print) as lock, stopping_on_signals():
        with lock.exclusively(stopped=stop_requested.is_set):
            folder.check_method(method.fingerprints)  # again: another run may have come first
            plan_task(config, method, opaque(wanted), folder, strict, force)
            state = read_state(folder, wanted)
        chunks = [chunk for chunk in state.chunks if share is None or share.takes(chunk.place)]
        totals = stylize_all(chunks, work_of(config, method), config, method.fleet, lock)
        seconds = time.monotonic() - started if chunks else None
        with lock.exclusively(stopped=stop_requested.is_set):
            report = replace(finish(config, lock, state, totals, seconds), unreadable=wanted.unreadable)
            if share is None:
                return report
            own = summarize(folder.root, rows_of_shard(state.plan, share), totals.images, seconds, totals.spent)
            return replace(report, summary=own)


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
    with folder.locked(say=console.print) as lock, stopping_on_signals():
        folder.check_method(method.fingerprints)
        state = read_state(folder)
        chunks = chunks_to_retry(state.plan, folder.outcomes(), only)
        totals = stylize_all(chunks, work_of(config, method), config, method.fleet, lock)
        seconds = time.monotonic() - started if chunks else None
        return finish(config, lock, state, totals, seconds)


def finish(
    config: RunConfig, lock: RunLock, state: RunState, totals: DispatchTotals, seconds: float | None
) -> RunReport:
    """Write gallery, report, card and summary, if anything is new; the summary, the last, marks the run as complete."""
    folder = RunFolder(config.run_folder)
    if (totals.deaths or lock.shard) and lock.alone():
        folder.remove_leftovers()  # of workers that were killed while the run went on
    summary = summarize(folder.root, state.plan, totals.images, seconds, totals.spent)
    if seconds is not None or not is_current(folder.root, summary) or missing_pages(config):
        if config.output.judge and summary.success and not summary.missing:
            judge_task(folder.root)
        if config.output.describe and summary.success and not summary.missing:
            describe_task(folder.root)
        if config.output.gallery and not summary.missing:  # else another shard will be the last
            gallery_task(folder.root)
        if config.output.report and not summary.missing:
            report_task(folder.root)
        write_card(folder.root, summary, folder.read_run_yaml())
        write_summary(folder.root, summary)
    show_summary(folder, summary, reported=config.output.report and not summary.missing)
    return RunReport(folder.root, summary, totals.images, len(state.stale))
