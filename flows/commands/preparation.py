"""What commands do before a run starts: sources read and checked, the method resolved, finished runs recognised."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nst_core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nst_core.config.fingerprint import Fingerprints
    from nst_core.config.run_config import RunConfig
    from nst_core.config.sources import SourceConfig
    from nst_core.plan.wanted import Sources, WantedPairs
    from nst_core.run_folder.summary import RunReport
    from nst_core.sources.folder import Role


@dataclass(frozen=True)
class PreparedRun:
    """A run as far as it is known before anything is written.

    Attributes:
        resolved: whether weights and devices were looked at; else the method is that of the run folder.
        wanted: None where data are to be downloaded first.
        report: of a run in which nothing is left to do.
    """

    config: RunConfig
    method: Fingerprints
    resolved: bool
    wanted: WantedPairs | None
    report: RunReport | None


def prepare_run(
    config: RunConfig, strict: bool = False, sources: Sources | None = None, most: int | None = None
) -> PreparedRun:
    """Check what can be checked without Prefect's server, which takes seconds, and pair the sources.

    Args:
        sources: those of `config`, if they have been read already.
        most: pairs that the run may ask for.

    Raises:
        UsageError: as `flows.pipeline.pipeline`; or there are more than `most` pairs, or the data are still to be
            downloaded, so that nobody knows.
    """
    from flows.progress import reporter
    from nst_core.plan.recorded_method import recorded_fingerprints
    from nst_core.plan.state import finished_state
    from nst_core.plan.wanted import wanted_pairs
    from nst_core.run_folder.folder import RunFolder
    from nst_core.run_folder.summary import RunReport, summarize

    folder = RunFolder(config.run_folder)
    recorded = recorded_fingerprints(config)
    method = recorded or resolved_fingerprints(config)
    folder.check_writable()
    folder.check_resume(config.execution.resume)
    wanted = finished = report = None
    if sources is not None:
        wanted = wanted_pairs(config, method.method, sources=sources, most=most)
    elif not missing_downloads(config):
        with reporter.stage("Reading the sources", 0, "files"):
            wanted = wanted_pairs(config, method.method, reporter.at_least, most=most)
        print_notes(wanted.notes)
    elif most is not None:
        raise UsageError("How many pairs there are is known once the data are there: `nst download` fetches them.")
    if wanted:
        finished = finished_state(config, method, wanted)
    if wanted and finished and strict:
        from nst_core.plan.new_part import check_strict

        check_strict([*wanted.unreadable, *finished.plan.errors()])
    if wanted and finished and not os.environ.get("PREFECT_API_URL"):
        summary = summarize(folder.root, finished.plan)
        report = RunReport(folder.root, summary, 0, len(finished.stale), wanted.unreadable)
    return PreparedRun(config, method, recorded is None, wanted, report)


def resolved_fingerprints(config: RunConfig) -> Fingerprints:
    """The fingerprints of a run's method on the devices that it asks for. Raises ConfigError, WeightsError."""
    from flows.runners.selection import fleet_of
    from nst_core.config.resolved_method import resolve_method

    return resolve_method(config, fleet_of(config.execution)).fingerprints


def missing_downloads(config: RunConfig) -> list[str]:
    """The commands that download what the sources of a run lack; none where they are complete."""
    from nst_core.config.sources import DownloadedSource
    from nst_core.sources.download.source import needed_download

    sources = [s for s in (config.content, config.style) if isinstance(s, DownloadedSource) and s.download]
    return [command for source in sources if (command := needed_download(source)) is not None]


def check_folders(config: RunConfig) -> None:
    """Raise SourceError where a source's folder is not there, before anything loads torch (which takes seconds)."""
    from nst_core.config.sources import FolderSource
    from nst_core.storage.paths import is_local

    if config.pairing.strategy == "manifest":
        import pandas  # noqa: F401 (checks the manifest; loaded after pyarrow, the two would not know each other)
    sources: dict[Role, SourceConfig] = {"content": config.content, "style": config.style}
    for role, section in sources.items():
        if isinstance(section, FolderSource) and is_local(section.path) and not section.path.is_dir():
            from nst_core.sources.registry import open_source

            open_source(section, role)


def check_sources(config: RunConfig) -> None:
    """Raise UsageError where a run would download something first: for commands that do not download."""
    check_folders(config)
    if commands := missing_downloads(config):
        names = " and ".join(f"`{command}`" for command in commands)
        raise UsageError(
            f"The data are not there yet: `nst run` downloads them first. To look before that, use {names}."
        )


def print_notes(notes: Sequence[str]) -> None:
    """Print sentences about what was found in the sources."""
    from flows.progress import console

    for note in notes:
        console.print(f"Note: {note}", markup=False, soft_wrap=True)


def print_default_recipe(config: RunConfig) -> None:
    """Say which recipe was chosen and why, where the run file names none."""
    if config.method.reason:
        print_notes([f"the recipe is {config.method.recipe}, {config.method.reason} (method.recipe chooses another)."])
