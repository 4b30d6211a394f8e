"""Prefect's artifacts of a run: progress, summary and a table of failures. Only a view of the run folder."""

from __future__ import annotations

import contextlib
import contextvars
import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any

from prefect.artifacts import (
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)

from nst_core.run_folder.folder import RunFolder
from nst_core.run_folder.summary import Summary
from nst_core.storage.regular_files import read_regular_text
from nst_core.storage.slugs import slugify

INTERVAL = 5.0
"""Seconds between two updates of the progress."""

MOST_FAILURES = 500
"""Most rows of the table of failures, to spare Prefect's database."""


def artifact_key(name: str, what: str = "") -> str:
    """The key of an artifact: lower-case letters, digits and dashes."""
    return "-".join(filter(None, ("nst", slugify(name).replace("_", "-"), what)))


def show_summary(folder: RunFolder, summary: Summary, reported: bool = False) -> None:
    """Publish the run's report, or its counts alone, and a table of failures if there are any."""
    with _may_fail():
        key = artifact_key(folder.name)
        create_markdown_artifact(
            key=key, markdown=markdown(folder, summary, reported), description="Summary of the run"
        )
        if rows := failures(summary):
            create_table_artifact(key=artifact_key(folder.name, "failures"), table=rows, description="What failed")


def failures(summary: Summary) -> list[dict[str, Any]]:
    """One row per reason of pairs that failed, and one per bad input."""
    bad = [
        {"what": f"{one.role} {one.path}", "reason": f"{one.error_class}: {one.reason}", "pairs": one.pairs}
        for one in summary.bad_inputs[:MOST_FAILURES]
    ]
    quarantined = {one.error_class for one in summary.bad_inputs}
    failed = [
        {"what": "pairs", "reason": reason, "pairs": count}
        for reason, count in summary.errors.items()
        if reason not in quarantined
    ]
    return failed + bad


def markdown(folder: RunFolder, summary: Summary, reported: bool) -> str:
    """The report in the run folder, if it is of the run as it stands; else the counts alone."""
    if reported:
        with contextlib.suppress(OSError, UnicodeDecodeError):
            return read_regular_text(folder.root / "report" / "report.md")
    counts = ("planned", "success", "failed", "quarantined", "skipped", "missing")
    rows = [f"| {name} | {getattr(summary, name)} |" for name in counts]
    reasons = [f"| {reason} | {count} |" for reason, count in summary.errors.items()]
    errors = ["", "| reason | pairs |", "|---|---:|", *reasons] if reasons else []
    return "\n".join([f"# {folder.name}", "", "| pairs | |", "|---|---:|", *rows, *errors])


@contextlib.contextmanager
def shown_progress(name: str, share: Callable[[], float]) -> Iterator[None]:
    """Publish the progress, `share` from 0 to 1, every `INTERVAL` seconds until the block ends."""
    ended, context = threading.Event(), contextvars.copy_context()

    def show() -> None:
        with _may_fail():
            key = artifact_key(name, "progress")
            artifact = create_progress_artifact(progress=0.0, key=key, description="Images of this run")
            while not ended.wait(INTERVAL):
                update_progress_artifact(artifact_id=artifact, progress=100 * share())  # type: ignore[arg-type]
            update_progress_artifact(artifact_id=artifact, progress=100 * share())  # type: ignore[arg-type]

    publisher = threading.Thread(target=context.run, args=(show,), name="progress artifact", daemon=True)
    publisher.start()
    try:
        yield
    finally:
        ended.set()
        publisher.join(timeout=2 * INTERVAL)


@contextlib.contextmanager
def _may_fail() -> Iterator[None]:
    """Log whatever Prefect's client raises, and go on."""
    try:
        yield
    except Exception as error:
        logging.getLogger("nst").warning("Prefect's server took no artifact: %s", error)
