"""The main flow: pair → plan → stylize in chunks → gallery."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

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

from nst_core.config import RunConfig  # noqa: E402
from nst_core.errors import DiskFull, Interrupted, NstError, TransientError  # noqa: E402
from nst_core.pairing import Pair  # noqa: E402
from nst_core.plan import PlannedPair  # noqa: E402
from nst_core.preparation import (  # noqa: E402
    Method,
    new_part,
    pairs_of,
    read_state,
    resolve_method,
    run_file,
    strict_check,
    work_of,
)
from nst_core.run_folder import Chunk, RunFolder  # noqa: E402
from nst_core.summary import RunReport, Summary, summarize, write_card, write_summary  # noqa: E402
from nst_core.worker import ChunkWatch, Work, failed_chunk, stylize_chunk  # noqa: E402

T = TypeVar("T")

TAG = "nst"
RETRY_DELAYS = [2.0, 10.0, 30.0, 60.0, 120.0]
RETRY_JITTER = 0.5


def is_transient(_task: Any, _run: TaskRun, state: PrefectState) -> bool:
    """Whether a chunk's failure may pass: I/O, a device's fault, a deadline; not what a person has to mend."""
    try:
        state.result()
    except TransientError:
        return True
    except (NstError, TypeError, KeyError, AttributeError, AssertionError):
        return False
    except (OSError, RuntimeError):
        return not stop_requested.is_set()
    except BaseException:
        return False
    return False


@task(name="pair", tags=[TAG], cache_policy=NO_CACHE, persist_result=False)
def pair_task(config: RunConfig) -> list[Pair]:
    """Pair contents with styles."""
    with reporter.stage("Reading the sources", 0, "files"):
        return pairs_of(config, reporter.at_least)


@task(name="plan", tags=[TAG], cache_policy=NO_CACHE, persist_result=False)
def plan_task(config: RunConfig, method: Method, pairs: list[Pair], folder: RunFolder, strict: bool) -> int:
    """Append to the plan the pairs that it does not have yet; returns how many those are."""
    with reporter.stage("Inspecting images", 0, "files"):
        rows = new_part(config, method, pairs, folder, reporter.at_least)
    if strict:
        strict_check(rows)
    folder.write_run_file(run_file(config, method))
    if rows:
        folder.append_plan(folder.next_part(), rows)
    return len(rows)


@task(
    name="stylize chunk",
    task_run_name="stylize {chunk_id}",
    tags=[TAG],
    cache_policy=NO_CACHE,
    persist_result=False,
    retries=2,
    retry_delay_seconds=RETRY_DELAYS[:2],
    retry_jitter_factor=RETRY_JITTER,
    retry_condition_fn=is_transient,
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
        return build_gallery(run_folder, progress=reporter.at_least)


@flow(name="nst pipeline", flow_run_name="{name}", validate_parameters=False, persist_result=False)
def pipeline(name: str, config: RunConfig, strict: bool = False) -> RunReport:
    """Stylize what a run file asks for; what its folder holds already is not made again.

    Raises:
        UsageError: the configuration, the manifest, the weights or the run folder are wrong; nothing was started.
        DiskFull, Interrupted: the run stopped early and can be resumed.
    """
    stop_requested.clear()
    started = time.monotonic()
    folder = RunFolder(config.run_folder)
    method = resolve_method(config)
    folder.check_method(method.fingerprints)
    pairs = pair_task(config)
    with folder.locked(), stopping_on_signals():
        plan_task(config, method, opaque(pairs), folder, strict)
        state = read_state(folder, pairs, method.fingerprints.method)
        made = stylize_all(state.chunks, work_of(config, method), config)
        seconds = time.monotonic() - started
        return _finish(config, folder, state.plan, made, seconds, len(state.stale))


def stylize_all(chunks: Sequence[Chunk], work: Work, config: RunConfig) -> int:
    """Make what is left of the plan; returns how many images that were. Raises as `stylize_chunks`."""
    if not chunks:
        return 0
    workers = worker_count(config, len(chunks))
    runner: ThreadPoolTaskRunner[Any] = ThreadPoolTaskRunner(max_workers=workers)
    dispatch = stylize_chunks.with_options(task_runner=runner)  # type: ignore[arg-type]
    images = sum(len(chunk.wanted) for chunk in chunks)
    with reporter.stage("Stylizing", images, "images"):
        return dispatch(opaque(chunks), opaque(work), config.execution.retries, 2 * workers)


@flow(name="stylize", validate_parameters=False, persist_result=False)
def stylize_chunks(chunks: Sequence[Chunk], work: Work, retries: int, window: int) -> int:
    """Dispatch chunks, at most `window` of them at a time; returns how many images were made.

    Raises:
        DiskFull: at once, whatever else is under way.
        Interrupted: asked to stop; chunks end within one look at the flag.
    """
    stylize = stylize_task.with_options(retries=retries, retry_delay_seconds=RETRY_DELAYS[:retries] or [0.0])
    waiting, running = list(reversed(chunks)), dict[PrefectFuture[Any], Chunk]()
    made: Counter[str] = Counter()
    with stopping_on_signals():
        while (waiting and not stop_requested.is_set()) or running:
            while waiting and len(running) < window and not stop_requested.is_set():
                chunk = waiting.pop()
                running[stylize.submit(chunk.chunk_id, opaque(chunk), opaque(work))] = chunk
            future = next(as_completed(list(running)))
            chunk = running.pop(future)
            made += _collect(future, chunk, work, retries + 1)
            reporter.advance(len(chunk.wanted))
    if stop_requested.is_set():
        raise Interrupted("Stopped as asked. What is finished is kept; the same command goes on from here.")
    return made["success"]


def _collect(future: PrefectFuture[Any], chunk: Chunk, work: Work, attempts: int) -> Counter[str]:
    """The statuses of a finished chunk; one that failed for good leaves rows that say so."""
    try:
        return cast(Counter[str], future.result())
    except (DiskFull, Interrupted):
        stop_requested.set()
        raise
    except Exception as error:
        return failed_chunk(chunk, work, error, attempts)


def opaque(value: T) -> T:
    """`value` as a parameter that Prefect does not search for futures, which takes long in large plans."""
    return cast(T, quote(value))


def worker_count(config: RunConfig, chunks: int) -> int:
    """Chunks at a time: as the run file says, or one per core (CPU), one (GPU)."""
    wanted = config.execution.workers
    if wanted == "auto":
        threads = 1 if config.execution.threads == "auto" else config.execution.threads
        return max(1, min((os.cpu_count() or 1) // threads, chunks))
    return max(1, min(wanted, chunks))


def _finish(
    config: RunConfig, folder: RunFolder, plan: Sequence[PlannedPair], made: int, seconds: float, stale: int
) -> RunReport:
    """Summary, card and gallery, where there is anything new to say."""
    first = not (folder.root / "summary.json").is_file()
    summary = summarize(folder.root, plan, made, seconds if made or first else None)
    if made or first:
        write_summary(folder.root, summary)
    write_card(folder.root, summary, folder.read_run_file())
    index = folder.root / "gallery" / "index.html"
    if config.output.gallery and (made or not index.is_file()):
        index = gallery_task(folder.root)
    create_markdown_artifact(
        key=artifact_key(folder.name), markdown=markdown(folder, summary), description="Summary of the run"
    )
    return RunReport(folder.root, summary, made, stale, index if config.output.gallery else None)


def artifact_key(name: str) -> str:
    """Artifact keys are lower-case letters, digits and dashes."""
    from nst_core.slugs import slugify

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
