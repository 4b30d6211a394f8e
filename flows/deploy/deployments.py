"""The deployed flows: what a schedule, `nst serve` or a Prefect worker starts. Their parameters are plain JSON.

Each says in the server's log what each stage came to, and ends as Completed, as Completed under the name
`CompletedWithFailures` (some pairs failed: exit code 3 of `nst run`), as Failed with one sentence, or as Crashed.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from prefect import State, flow
from prefect.exceptions import TerminationSignal
from prefect.logging import get_run_logger
from prefect.runtime import flow_run
from prefect.states import Completed, Failed

from flows.deploy.credentials import credentials
from flows.deploy.notifications import INCOMPLETE, notify, notify_incomplete
from flows.deploy.parent_watch import end_with_server
from flows.deploy.stage_log import console_in_log
from flows.download import download_stage
from flows.pipeline import gallery_task, pipeline
from nst_core.config.run_config import RunConfig, load_config
from nst_core.config.sources import DownloadedSource
from nst_core.errors import Interrupted, NstError, RunFolderError
from nst_core.run_folder.folder import RunFolder
from nst_core.run_folder.summary import RunReport
from nst_core.storage.secrets import redact


def _run_name() -> str:
    """The name of a flow run, such as `nightly photos`: the flow, and the run file."""
    work = str(flow_run.flow_name).removeprefix("nst-")
    return f"{work} {Path(flow_run.parameters['file']).stem}"


OPTIONS: dict[str, Any] = {
    "flow_run_name": _run_name,
    "persist_result": False,
    "on_completion": [notify_incomplete],
    "on_failure": [notify],
    "on_crashed": [notify],
}


@flow(name="nst-download", **OPTIONS)
def download(file: str, overrides: list[str] | None = None) -> State[Any]:
    """Fetch what the sources of a run file lack, whether or not the file asks for it by `download: true`."""

    def work(config: RunConfig) -> State[Any]:
        return Completed(message="; ".join(download_stage(downloading(config, True))) or "Nothing was lacking.")

    return _state_of(work, file, overrides)


@flow(name="nst-stylize", **OPTIONS)
def stylize(file: str, overrides: list[str] | None = None, strict: bool = False, force: bool = False) -> State[Any]:
    """Make what the run folder lacks, from data that are there; no gallery. The options are those of `nst run`."""

    def work(config: RunConfig) -> State[Any]:
        output = config.output.model_copy(update={"gallery": False})
        return _stylized(downloading(config, False).model_copy(update={"output": output}), strict, force)

    return _state_of(work, file, overrides)


@flow(name="nst-gallery", **OPTIONS)
def gallery(file: str, overrides: list[str] | None = None) -> State[Any]:
    """Build the gallery of a run file's folder again."""

    def work(config: RunConfig) -> State[Any]:
        folder = RunFolder(config.run_folder)
        if not folder.exists():
            raise RunFolderError(f"There is no run folder {folder.root} yet: stylize first.")
        with folder.locked():
            return Completed(message=f"Gallery: {gallery_task(folder.root)}")

    return _state_of(work, file, overrides)


@flow(name="nst-nightly", **OPTIONS)
def nightly(file: str, overrides: list[str] | None = None, strict: bool = False, force: bool = False) -> State[Any]:
    """Download if the run file asks for it, stylize what is new since the last time, bring the gallery up to date."""
    return _state_of(lambda config: _stylized(config, strict, force), file, overrides)


def downloading(config: RunConfig, wanted: bool) -> RunConfig:
    """The run with `download` set to `wanted` in every source that can be downloaded."""
    sources = {"content": config.content, "style": config.style}
    changes = {
        role: source.model_copy(update={"download": wanted})
        for role, source in sources.items()
        if isinstance(source, DownloadedSource)
    }
    return config.model_copy(update=changes)


def _state_of(work: Callable[[RunConfig], State[Any]], file: str, overrides: list[str] | None) -> State[Any]:
    """Run the work of a flow; returns its final state, whose message is one sentence."""
    log = get_run_logger()
    end_with_server()
    try:
        with credentials() as variables, console_in_log(log.info):
            if variables:
                log.info("Credentials from Secret blocks: %s", ", ".join(variables))
            state = work(load_config(Path(file), overrides or ()))
    except Interrupted as error:  # Prefect knows whether somebody cancelled the run, or stopped the machine
        raise TerminationSignal(signal.SIGTERM) from error
    except NstError as error:
        message = str(redact(str(error)))
        log.error(message)
        return Failed(message=message)
    log.info(state.message)
    return state


def _stylized(config: RunConfig, strict: bool, force: bool) -> State[Any]:
    report = pipeline(config.name, config, strict, force)
    if report.complete:
        return Completed(message=_outcome(report))
    return Completed(name=INCOMPLETE, message=f"{_incomplete(report)} {_outcome(report)}")


def _outcome(report: RunReport) -> str:
    images = f"{report.made} new images" if report.made else "Nothing new to make"
    stale = f"; {report.stale} pairs are stale (their inputs changed since they were planned)" if report.stale else ""
    place = f"gallery: {report.gallery}" if report.gallery else f"run folder: {report.folder}"
    outcome = f"{images}; {report.summary.success} of {report.summary.planned} pairs are done{stale}; {place}"
    return str(redact(outcome))  # a remote run folder's address may hold a password


def _incomplete(report: RunReport) -> str:
    summary = report.summary
    undone = summary.planned - summary.success - summary.skipped
    reasons = ", ".join(f"{reason} {count}" for reason, count in summary.errors.items())
    pairs = f"{undone} of {summary.planned} pairs did not succeed{f' ({reasons})' if reasons else ''}."
    return " ".join([*([pairs] if undone else []), *report.unreadable])
