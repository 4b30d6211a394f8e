"""`nst status`: progress, workers and rate of a run; once, or until no process works on it any more."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands.options import Json, RunPath
from flows.commands.run import print_summary
from flows.printing import print_text as print
from nst_core.run_folder.duration import duration

if TYPE_CHECKING:
    from nst_core.run_folder.lock.holders import Holders
    from nst_core.run_folder.lock.run_lock import Holder
    from nst_core.run_folder.run_progress import RunProgress
    from nst_core.run_folder.status_counts import StatusCounts


def status(
    run: RunPath,
    watch: Annotated[bool, typer.Option("--watch", help="Look again and again, for as long as a run works.")] = False,
    interval: Annotated[
        float | None,
        typer.Option(min=0.1, help="Seconds between two looks: 2 on a terminal, elsewhere 10.", show_default=False),
    ] = None,
    as_json: Json = False,
) -> None:
    """What of a run's plan is done, what failed why, who works on it now, and how fast."""
    from nst_core.run_folder.folder import RunFolder

    folder = RunFolder(run)
    folder.check_exists()
    if watch:
        _watch(run, interval, as_json)
    else:
        _once(run, as_json)


def _once(run: RunPath, as_json: bool) -> None:
    """Print the state, by a check of every image and input, which is too slow to be repeated."""
    from nst_core.plan.state import read_state
    from nst_core.run_folder.folder import RunFolder
    from nst_core.run_folder.lock.holders import HolderWatcher
    from nst_core.run_folder.run_progress import holders_json
    from nst_core.run_folder.summary import summarize
    from nst_core.storage.web_access import accept_old_copies

    accept_old_copies()
    state, holders = read_state(RunFolder(run)), HolderWatcher(run).read()
    summary = summarize(run, state.plan)
    left = sum(len(chunk.wanted) for chunk in state.chunks)
    if as_json:
        counts = asdict(summary) | {"left": left, "stale": len(state.stale)}
        print(json.dumps(counts | holders_json(holders), indent=2, ensure_ascii=False))
        return
    print_summary(summary)
    print(f"{left} left to do, {len(state.stale)} stale (inputs changed since planned)")
    for line in _holder_lines(holders):
        print(line)


def _watch(run: RunPath, interval: float | None, as_json: bool) -> None:
    """Print the progress until no process works there: a live view on a terminal, else lines or JSON objects."""
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    console = Console(highlight=False)
    interval = interval or (2.0 if console.is_terminal else 10.0)
    try:
        if as_json:
            for progress in _snapshots(run, interval):
                print(json.dumps(progress.as_json()), flush=True)
        elif console.is_terminal:
            with Live(console=console, auto_refresh=False) as live:
                for progress in _snapshots(run, interval):
                    lines = [*_count_lines(progress.counts), *_holder_lines(progress.holders)]
                    live.update(Text("\n".join(lines)), refresh=True)
        else:
            for line in _changed_lines(run, interval):
                print(line, flush=True)
    except KeyboardInterrupt:
        return


def _snapshots(run: RunPath, interval: float) -> Iterator[RunProgress]:
    """The progress, at intervals; the last one after the last process has ended."""
    from nst_core.run_folder.run_progress import ProgressReader

    reader = ProgressReader(run)
    while True:
        progress = reader.read()
        yield progress
        if not progress.holders.present:
            return
        time.sleep(interval)


def _changed_lines(run: RunPath, interval: float) -> Iterator[str]:
    """A line per snapshot that differs from the one before, and all counts at the end."""
    before = ""
    for progress in _snapshots(run, interval):
        counts, holders = progress.counts, progress.holders
        if not holders.present:
            yield from (*_count_lines(counts), *_holder_lines(holders))
            return
        line = f"{_count_lines(counts)[0]}{_pace(holders.rate, holders.eta_seconds)}"
        if line != before:
            yield f"{time.strftime('%H:%M:%S')} {line}"
        before = line


def _count_lines(counts: StatusCounts) -> list[str]:
    names = ("success", "failed", "quarantined", "skipped")
    parts = [f"{count} {name}" for name in names if (count := getattr(counts, name)) or name == "success"]
    reasons = [f"  {reason}: {count}" for reason, count in (counts.errors | counts.left_out).items()]
    return [f"{counts.planned} pairs: {', '.join(parts)}, {counts.left} left to do", *reasons]


def _holder_lines(holders: Holders) -> list[str]:
    """The processes that work there, for people."""
    lines = [line for holder in holders.present for line in _lines_of(holder)]
    lines += [f"Was killed before its end: {holder.owner}. `nst run` goes on from there" for holder in holders.gone]
    return lines or ["Nobody works on it now"]


def _lines_of(holder: Holder) -> Iterator[str]:
    from nst_core.run_folder.lock.holders import progress_number, worker_progress

    shard = f"shard {holder.shard}, " if holder.shard else ""
    silent = holder.silent_seconds
    quiet = f", no sign of life for {duration(silent)}" if silent is not None and silent > 30 else ""
    yield f"At work: {shard}{holder.owner or 'a worker whose run is gone'}{quiet}"
    done, total = progress_number(holder, "done"), progress_number(holder, "total")
    if done is not None and total is not None:
        pace = _pace(progress_number(holder, "rate"), progress_number(holder, "eta_seconds"))
        yield f"  {done:.0f} of {total:.0f} done{pace}"
    for worker in worker_progress(holder):
        parts = [f"chunk {worker.get('chunk')}", f"{worker.get('pairs')} pairs"] if worker.get("chunk") else ["waits"]
        if isinstance(worker.get("seconds"), int | float):
            parts.append(f"for {duration(worker['seconds'])}")
        yield f"  {worker.get('name')}: {', '.join(parts)}"


def _pace(rate: float | None, eta: float | None) -> str:
    pace = f", {rate:.2f} images/s" if rate is not None else ""
    return pace + (f", about {duration(eta)} left" if eta is not None else "")
