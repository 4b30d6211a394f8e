"""The main flow: download → pair → plan → stylize in chunks → gallery."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

from flows.download import download_stage
from flows.progress import reporter
from flows.server import quiet_environment
from flows.signals import stop_requested, stopping_on_signals

quiet_environment()

from prefect import flow, task  # noqa: E402 (its settings come first)
from prefect.artifacts import create_markdown_artifact  # noqa: E402
from prefect.cache_policies import NO_CACHE  # noqa: E402
from prefect.client.schemas.objects import State as PrefectState  # noqa: E402
from prefect.client.schemas.objects import TaskRun  # noqa: E402
from prefect.futures import PrefectFuture, as_completed  # noqa: E402
from prefect.task_runners import ThreadPoolTaskRunner  # noqa: E402
from prefect.utilities.annotations import quote  # noqa: E402

from nst_core.asked import Asked, asked_for  # noqa: E402
from nst_core.capacity import worker_count  # noqa: E402
from nst_core.card import write_card  # noqa: E402
from nst_core.config import RunConfig  # noqa: E402
from nst_core.errors import DiskFull, Interrupted, NstError, TransientError  # noqa: E402
from nst_core.forecast import check_room  # noqa: E402
from nst_core.preparation import (  # noqa: E402
    Method,
    State,
    new_part,
    read_state,
    resolve_method,
    run_file,
    strict_check,
    work_of,
)
from nst_core.presence import as_asked  # noqa: E402
from nst_core.run_folder import Chunk, RunFolder  # noqa: E402
from nst_core.slugs import slugify  # noqa: E402
from nst_core.summary import RunReport, Summary, is_current, summarize, write_summary  # noqa: E402
from nst_core.worker import ChunkWatch, Work, failed_chunk, stylize_chunk  # noqa: E402

T = TypeVar("T")


@dataclass(frozen=True)
class RunOptions:
    """`strict`: start nothing if any input is bad. `force`: start even if what will be written may not fit."""

    strict: bool = False
    force: bool = False


TAG = "nst"
RETRY_DELAYS = [2.0, 10.0, 30.0, 60.0, 120.0]
RETRY_JITTER = 0.5


def is_transient(error: BaseException) -> bool:
    """Whether an error may pass: I/O, a device's fault, a deadline; not a bug, nor what a person has to mend."""
    if isinstance(error, TransientError):
        return True
    return isinstance(error, OSError | RuntimeError) and not isinstance(error, NstError | NotImplementedError)


def should_retry(_task: Any, _run: TaskRun, state: PrefectState) -> bool:
    """Prefect's question after a failed try of a chunk."""
    try:
        state.result()
    except BaseException as error:
        return is_transient(error) and not stop_requested.is_set()
    return False


def show(done: int, total: int) -> None:
    """Progress of a stage that ends, as everything does, when the run was asked to stop."""
    reporter.at_least(done, total)
    if stop_requested.is_set():
        raise Interrupted


@task(name="pair", tags=[TAG], cache_policy=NO_CACHE, persist_result=False)
def pair_task(config: RunConfig, method: Method) -> Asked:
    """Pair contents with styles."""
    with reporter.stage("Reading the sources", 0, "files"):
        return asked_for(config, method.fingerprints.method, show)


@task(name="plan", tags=[TAG], cache_policy=NO_CACHE, persist_result=False)
def plan_task(config: RunConfig, method: Method, asked: Asked, folder: RunFolder, options: RunOptions) -> int:
    """Append to the plan the pairs that it does not have yet; returns how many those are."""
    with reporter.stage("Inspecting images", 0, "files"):
        part = new_part(config, method, asked, folder, show)
    if options.strict:
        strict_check([*as_asked(folder.read_plan(), asked).errors(), *part.errors()])
    if not options.force:
        check_room(config, read_state(folder, asked), part)
    folder.write_run_file(run_file(config, method))
    if len(part):
        folder.append_plan(part.number, part.tables())
    return len(part)


@task(
    name="stylize chunk",
    task_run_name="stylize {chunk_id}",
    tags=[TAG],
    cache_policy=NO_CACHE,
    persist_result=False,
    retry_jitter_factor=RETRY_JITTER,
    retry_condition_fn=should_retry,
)
def stylize_task(chunk_id: str, chunk: Chunk, work: Work) -> Counter[str]:
    """Make one chunk of the plan."""
    from prefect.runtime import task_run

    per_image = max(1, work.recipe.evaluations)
    watch = ChunkWatch(lambda count: reporter.advance_part(count / per_image), stop_requested.is_set)
    return stylize_chunk(chunk, work, watch, attempt=task_run.run_count or 1)


@task(name="gallery", tags=[TAG], cache_policy=NO_CACHE, persist_result=False)
def gallery_task(run_folder: Path) -> Path:
    """Build the gallery of a run folder."""
    from nst_core.gallery import build_gallery

    with reporter.stage("Building the gallery", 0, "pairs"):
        return build_gallery(run_folder, progress=show)


@flow(name="nst pipeline", flow_run_name="{name}", validate_parameters=False, persist_result=False)
def pipeline(name: str, config: RunConfig, strict: bool = False, force: bool = False) -> RunReport:
    """Stylize what a run file asks for; what its folder holds already is not made again.

    Raises:
        UsageError: the configuration, the manifest, the weights or the run folder are wrong, or there is no room for
            what would be written (unless `force`); nothing was started.
        DiskFull, Interrupted: the run stopped early and can be resumed.
    """
    stop_requested.clear()
    started = time.monotonic()
    folder = RunFolder(config.run_folder)
    method = resolve_method(config)
    folder.check_method(method.fingerprints)
    download_stage(config)
    asked = pair_task(config, opaque(method))
    with folder.locked(), stopping_on_signals():
        folder.check_method(method.fingerprints)  # again: another run may have come first
        plan_task(config, method, opaque(asked), folder, RunOptions(strict, force))
        state = read_state(folder, asked)
        statuses = stylize_all(state.chunks, work_of(config, method), config)
        seconds = time.monotonic() - started if state.chunks else None
        return _finish(config, folder, state, statuses["success"], seconds)


def stylize_all(chunks: Sequence[Chunk], work: Work, config: RunConfig) -> Counter[str]:
    """Make what is left of the plan; returns how many pairs came to which status. Raises as `dispatch`."""
    if not chunks:
        return Counter()
    workers = worker_count(config.execution, work, chunks)
    runner: ThreadPoolTaskRunner[Any] = ThreadPoolTaskRunner(max_workers=workers)

    # The chunks are no parameters: Prefect would send them, the whole plan, to its server.
    @flow(name="stylize", task_runner=runner, validate_parameters=False, persist_result=False)  # type: ignore[arg-type]
    def stylize(images: int, chunks_left: int) -> Counter[str]:
        with reporter.stage("Stylizing", images, "images"):
            return dispatch(chunks, work, config.execution.retries, 2 * workers)

    return stylize(sum(len(chunk.wanted) for chunk in chunks), len(chunks))


def dispatch(chunks: Sequence[Chunk], work: Work, retries: int, window: int) -> Counter[str]:
    """Submit chunks, at most `window` of them at a time; returns how many pairs came to which status.

    Raises:
        DiskFull: at once, whatever else is under way.
        Interrupted: asked to stop; chunks end within one look at the flag.
    """
    stylize = stylize_task.with_options(retries=retries, retry_delay_seconds=RETRY_DELAYS[:retries] or [0.0])
    waiting, running = list(reversed(chunks)), dict[PrefectFuture[Any], Chunk]()
    statuses: Counter[str] = Counter()
    with stopping_on_signals(), _stopping_others_on_error():
        while (waiting and not stop_requested.is_set()) or running:
            while waiting and len(running) < window and not stop_requested.is_set():
                chunk = waiting.pop()
                running[stylize.submit(chunk.chunk_id, opaque(chunk), opaque(work))] = chunk
            future = next(as_completed(list(running)))
            chunk = running.pop(future)
            statuses += _collect(future, chunk, work, retries)
            reporter.advance(len(chunk.wanted))
        if stop_requested.is_set():
            raise Interrupted
    return statuses


@contextlib.contextmanager
def _stopping_others_on_error() -> Iterator[None]:
    """What ends the dispatch ends the chunks under way too: the task runner waits for them."""
    try:
        yield
    except BaseException:
        stop_requested.set()
        raise


def _collect(future: PrefectFuture[Any], chunk: Chunk, work: Work, retries: int) -> Counter[str]:
    """The statuses of a finished chunk; one that failed for good leaves rows that say so."""
    try:
        return cast(Counter[str], future.result())
    except (DiskFull, Interrupted):
        raise
    except Exception as error:
        return failed_chunk(chunk, work, error, attempts=retries + 1 if is_transient(error) else 1)


def opaque(value: T) -> T:
    """`value` as a parameter that Prefect does not search for futures, which takes long in large plans."""
    return cast(T, quote(value))


def _finish(config: RunConfig, folder: RunFolder, state: State, made: int, seconds: float | None) -> RunReport:
    """Gallery, card and summary, where there is anything new to say; the last one marks the run as complete."""
    summary = summarize(folder.root, state.plan, made, seconds)
    index = folder.root / "gallery" / "index.html"
    if seconds is not None or not is_current(folder.root, summary) or (config.output.gallery and not index.is_file()):
        if config.output.gallery:
            gallery_task(folder.root)
        write_card(folder.root, summary, folder.read_run_file())
        write_summary(folder.root, summary)
    create_markdown_artifact(
        key=artifact_key(folder.name), markdown=markdown(folder, summary), description="Summary of the run"
    )
    return RunReport(folder.root, summary, made, len(state.stale), index if index.is_file() else None)


def artifact_key(name: str) -> str:
    """Artifact keys are lower-case letters, digits and dashes."""
    return f"nst-{slugify(name).replace('_', '-')}"


def markdown(folder: RunFolder, summary: Summary) -> str:
    """The summary as Markdown."""
    rows = [
        f"| {name} | {getattr(summary, name)} |" for name in ("planned", "success", "failed", "quarantined", "skipped")
    ]
    reasons = [f"| {reason} | {count} |" for reason, count in summary.errors.items()]
    table = ["| pairs | |", "|---|---:|", *rows]
    errors = ["", "| reason | pairs |", "|---|---:|", *reasons] if reasons else []
    return "\n".join([f"# {folder.name}", "", *table, *errors, "", f"Run folder: `{folder.root}`"])
