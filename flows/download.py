"""Downloads as a Prefect flow: tried again as long as that may help, stopped at once when asked to."""

from __future__ import annotations

import time
from collections.abc import Callable

from prefect import flow, task
from prefect.cache_policies import NO_CACHE

from flows.download_progress import DownloadReporter
from flows.progress import console
from flows.server.resilience import opaque
from flows.signals import stop_requested, stopping_on_signals
from nst_core.chunks.retry_policy import DELAYS, delay
from nst_core.config.run_config import RunConfig
from nst_core.config.sources import DownloadedSource, SourceConfig
from nst_core.errors import DownloadFailed, Interrupted
from nst_core.sources.download.http_errors import Unreachable, WrongContent
from nst_core.sources.download.progress import DownloadWatch, Unit
from nst_core.sources.download.source import download_source, needed_download
from nst_core.storage.web_access import allow_private_addresses

TAG = "nst"
FEW = 2
"""Tries after the first where no server has answered yet (no network), or where what arrived was wrong."""
LONGEST_WAIT = 900.0
"""Seconds that a server may ask us to wait; if it asks for more, the download ends and says so."""
MOST_TRIES = 1000

Download = Callable[[DownloadWatch], str]
"""Downloads something, reporting to the watch; returns a sentence about what there is now."""


class DownloadRetries:
    """The delay before the next try of a download, and when to give up; failures count anew after progress."""

    def __init__(self) -> None:
        self.failures = 0
        self.wrong = 0
        self.reached = False
        self.again = False
        self._furthest: dict[str, int] = {}

    def progress(self, title: str, done: int) -> None:
        """Record how much of a file has arrived: if that is more than before, failures are counted anew."""
        if done > self._furthest.setdefault(title, done):
            self._furthest[title], self.reached, self.failures = done, True, 0

    def next_delay(self, error: DownloadFailed) -> float | None:
        """Seconds until the next try; None to give up."""
        self.failures += 1
        self.reached |= not isinstance(error, Unreachable)
        self.wrong += isinstance(error, WrongContent)
        offline = isinstance(error, Unreachable) and not self.reached
        few = self.wrong > FEW or (offline and self.failures > FEW)
        if few or self.failures > len(DELAYS) or (error.retry_after or 0) > LONGEST_WAIT:
            return None
        return max(delay(1 if offline else self.failures), error.retry_after or 0)


@task(name="download", task_run_name="download {dataset}", tags=[TAG], cache_policy=NO_CACHE, persist_result=False)
def download_task(dataset: str, work: Download, retries: DownloadRetries) -> str:
    """One try of a download, and the wait before the next: Prefect's own waiting ignores Ctrl-C."""
    reporter = DownloadReporter()

    def show(title: str, done: int, total: int, unit: Unit) -> None:
        if title.startswith("Downloading"):
            retries.progress(title, done)
        reporter.show(title, done, total, unit)

    retries.again = False
    try:
        with reporter.shown():
            return work(DownloadWatch(show, stop_requested.is_set))
    except DownloadFailed as error:
        seconds = retries.next_delay(error)
        if seconds is not None:
            _wait(error, seconds)
            retries.again = True
        raise


def _wait(error: DownloadFailed, seconds: float) -> None:
    """Print the reason (without the advice behind its last colon), and wait. Raises Interrupted."""
    reason = str(error).rpartition(": ")[0] or str(error).removesuffix(".")
    console.print(f"{reason}. Trying again in {seconds:.0f} s.", markup=False, soft_wrap=True)
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        if stop_requested.wait(min(left, 0.5)):
            raise Interrupted


@flow(name="nst download", flow_run_name="download {dataset}", validate_parameters=False, persist_result=False)
def download(dataset: str, work: Download) -> str:
    """Download a dataset; returns what there is now.

    Raises:
        UsageError, DiskFull, DownloadFailed, Interrupted: the same command goes on from what has arrived.
    """
    stop_requested.clear()
    with stopping_on_signals():
        return _try(dataset, work)


def download_stage(config: RunConfig) -> list[str]:
    """Within a flow: download what the sources of a run lack and ask for; returns what there is now.

    Raises:
        as `download`.
    """
    allow_private_addresses(config.execution.allow_private_addresses)
    sentences = []
    for source in sources_to_download(config):
        with stopping_on_signals():
            sentences.append(_try(source.source, lambda watch, source=source: _ensured(source, watch)))  # type: ignore[misc]
    return sentences


def sources_to_download(config: RunConfig) -> list[SourceConfig]:
    """The sources of a run that are to be downloaded first, because something of them is missing.

    Raises:
        SourceError, ConfigError: the annotation file cannot be used, or lacks what is chosen.
    """
    return [
        source
        for source in (config.content, config.style)
        if isinstance(source, DownloadedSource) and source.download and needed_download(source) is not None
    ]


def _ensured(source: SourceConfig, watch: DownloadWatch) -> str:
    download_source(source, watch)
    return f"{source.source}: downloaded into {source.path}"


def _try(dataset: str, work: Download) -> str:
    retries = DownloadRetries()
    task_with_retries = download_task.with_options(
        retries=MOST_TRIES, retry_delay_seconds=0, retry_condition_fn=lambda *_: retries.again
    )
    return task_with_retries(dataset, opaque(work), opaque(retries))
