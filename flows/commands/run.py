"""Commands that take a run file: demo, run, pair, plan."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.commands.options import EXIT_INCOMPLETE, Json, RunFile, Set
from flows.printing import print_text as print
from nst_core.errors import UsageError, printable
from nst_core.storage.written_paths import written_path

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nst_core.config.fingerprint import Fingerprints
    from nst_core.config.run_config import RunConfig
    from nst_core.config.sources import SourceConfig
    from nst_core.plan.forecast import Forecast
    from nst_core.plan.wanted import Sources, WantedPairs
    from nst_core.run_folder.summary import RunReport, Summary
    from nst_core.sources.folder import Role


@dataclass(frozen=True)
class RunChoices:
    """The options of `nst run` that are no keys of the run file."""

    strict: bool = False
    force: bool = False
    shard: str | None = None


def demo(
    recipe: Annotated[
        str | None,
        typer.Option(help="A recipe's name, such as fast (VGG-19); its run folder is outputs/demo-<recipe>."),
    ] = None,
    set_: Set = None,
) -> None:
    """Stylize built-in photographs in the manner of built-in painters, and build the gallery."""
    chosen = [f"name=demo-{Path(recipe).stem}", f"method.recipe={recipe}"] if recipe else []
    _run(Path("demo"), [*chosen, *(set_ or ())], RunChoices(), as_json=False)


def run(
    file: RunFile,
    set_: Set = None,
    strict: Annotated[bool, typer.Option("--strict", help="Start nothing if any input image is bad (exit 2).")] = False,
    force: Annotated[bool, typer.Option("--force", help="Start even if the disk seems too small.")] = False,
    runner: Annotated[
        str | None, typer.Option(help="Where chunks are made: thread, process, ray or dask.", show_default=False)
    ] = None,
    resume: Annotated[
        str | None,
        typer.Option(help="In a run folder that is there: if-possible (go on), never or always.", show_default=False),
    ] = None,
    shard: Annotated[
        str | None, typer.Option(metavar="I/N", help="Make share I of N only, while other processes make theirs.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Make everything that a run file asks for and that its folder does not hold yet."""
    chosen = [f"execution.{key}={value}" for key, value in (("runner", runner), ("resume", resume)) if value]
    _run(file, [*(set_ or ()), *chosen], RunChoices(strict, force, shard), as_json)


def pair(
    file: RunFile,
    output: Annotated[
        Any, typer.Option("--output", "-o", parser=written_path, metavar="FILE", help="The CSV file to write.")
    ] = Path("manifest.csv"),
    set_: Set = None,
) -> None:
    """Write the pairs of a run file as a manifest (CSV), to be edited and used with pairing.manifest."""
    from nst_core.config.run_config import load_config

    config = load_config(file, set_ or ())
    check_sources(config)
    from flows.progress import reporter
    from nst_core.manifest.csv_writer import formula_note, write_manifest
    from nst_core.manifest.pairs import manifest_rows
    from nst_core.plan.wanted import open_sources, pair_sources

    with reporter.stage("Reading the sources", 0, "files"):
        sources = open_sources(config, reporter.at_least)
    print_notes(sources.notes)
    try:
        count = write_manifest(manifest_rows(pair_sources(config, sources)), output)
    except OSError as error:
        raise UsageError(
            f"{output} cannot be written ({error.strerror}): choose another file with --output."
        ) from error
    print(f"{count} pairs written to {output}")
    note = formula_note(output)
    print_notes([note] if note else [])
    if sources.unreadable:
        raise typer.Exit(EXIT_INCOMPLETE)


def plan(
    file: RunFile,
    set_: Set = None,
    price: Annotated[float, typer.Option("--price", min=0, help="Of a GPU-hour.")] = 3.0,
    as_json: Json = False,
) -> None:
    """Count what a run would do. Starts nothing, writes nothing (but the built-in samples, into the data folder)."""
    from nst_core.config.run_config import load_config

    config = load_config(file, set_ or ())
    check_sources(config)
    from flows.progress import reporter
    from flows.runners.selection import fleet_of
    from nst_core.plan.forecast import forecast

    with reporter.stage("Reading the sources", 0, "files"):
        estimate = forecast(config, reporter.at_least, price, fleet_of(config.execution))
    if as_json:
        print(json.dumps(estimate.as_dict(), indent=2, ensure_ascii=False))
    else:
        _print_forecast(estimate)
    if estimate.unreadable:
        raise typer.Exit(EXIT_INCOMPLETE)


def _run(file: Path, overrides: list[str] | None, choices: RunChoices, as_json: bool) -> None:
    from nst_core.config.run_config import load_config

    config = load_config(file, overrides or ())
    report = _in_flow(config, choices)
    if as_json:
        more = {"made": report.made, "unreadable": report.unreadable}
        print(json.dumps(asdict(report.summary) | more, indent=2, ensure_ascii=False))
    else:
        _print_report(report)
    if not report.complete:
        raise typer.Exit(EXIT_INCOMPLETE)


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


def prepare_run(config: RunConfig, strict: bool = False, sources: Sources | None = None) -> PreparedRun:
    """Check what can be checked without Prefect's server, which takes seconds, and pair the sources.

    Args:
        sources: those of `config`, if they have been read already.

    Raises:
        UsageError: as `flows.pipeline.pipeline`.
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
        wanted = wanted_pairs(config, method.method, sources=sources)
    elif not missing_downloads(config):
        with reporter.stage("Reading the sources", 0, "files"):
            wanted = wanted_pairs(config, method.method, reporter.at_least)
        print_notes(wanted.notes)
    if wanted:
        finished = finished_state(config, method, wanted)
    if wanted and finished and strict:
        from nst_core.plan.new_part import check_strict

        check_strict([*wanted.unreadable, *finished.plan.errors()])
    if wanted and finished and not os.environ.get("PREFECT_API_URL"):
        summary = summarize(folder.root, finished.plan)
        report = RunReport(folder.root, summary, 0, len(finished.stale), wanted.unreadable)
    return PreparedRun(config, method, recorded is None, wanted, report)


def _in_flow(config: RunConfig, choices: RunChoices) -> RunReport:
    """Check what can be checked before, then run the flow under Prefect's server."""
    check_folders(config)
    from flows.progress import console
    from nst_core.run_folder.folder import RunFolder
    from nst_core.run_folder.shard import Shard

    shard = Shard.parse(choices.shard) if choices.shard else None
    prepared = prepare_run(config, choices.strict)
    if prepared.report:
        return prepared.report
    if not prepared.resolved:
        resolved_fingerprints(config)  # what is wrong with weights or devices is an error now, too
    with RunFolder(config.run_folder).locked(shard, console.print):
        pass  # another process that holds it is an error now, not after the start of the server
    from flows.server.run_server import prefect_server

    with prefect_server():
        from flows.pipeline import run_pipeline

        return run_pipeline(config, choices.strict, choices.force, choices.shard, prepared.wanted)


def resolved_fingerprints(config: RunConfig) -> Fingerprints:
    """The fingerprints of a run's method on the devices that it asks for. Raises ConfigError, WeightsError."""
    from flows.runners.selection import fleet_of
    from nst_core.config.method import resolve_method

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


def _print_report(report: RunReport) -> None:
    print_summary(report.summary)
    for sentence in report.unreadable:
        print(f"Left out: {sentence}")
    if report.made:
        rate = report.summary.images_per_second or 0
        print(f"{report.made} images made in {report.summary.seconds:.0f} s ({rate:.2f} per second)")
    else:
        print("Nothing was left to do")
    if report.stale:
        print(f"{report.stale} pairs are stale: their inputs changed since they were planned, their images were kept")
    print(f"Run folder: {report.folder}")
    if report.gallery:
        print(f"Gallery: {report.gallery}")
    if report.report:
        print(f"Report: {report.report}")


def print_summary(summary: Summary) -> None:
    """Print counts, bad inputs and reasons of failures."""
    counts = ("success", "failed", "quarantined", "skipped", "missing")
    parts = [f"{getattr(summary, name)} {name}" for name in counts if getattr(summary, name) or name == "success"]
    print(f"{summary.planned} pairs: {', '.join(parts)}")
    for bad in summary.bad_inputs[:20]:
        print(f"  {bad.role} {printable(bad.path)}: {bad.reason} ({bad.pairs} {'pair' if bad.pairs == 1 else 'pairs'})")
    if len(summary.bad_inputs) > 20:
        print(f"  … and {len(summary.bad_inputs) - 20} more in quarantine.csv")
    for reason, count in (summary.errors | summary.left_out).items():
        print(f"  {reason}: {count}")


def print_notes(notes: Sequence[str]) -> None:
    """Print sentences about what was found in the sources."""
    from flows.progress import console

    for note in notes:
        console.print(f"Note: {note}", markup=False, soft_wrap=True)


def _print_forecast(estimate: Forecast) -> None:
    """Print the main figures of the forecast; `--json` has all of them."""
    from nst_core.storage.disk import format_bytes

    counts = ("pairs", "new_pairs", "done", "left", "to_make", "chunks", "contents", "styles", "artists", "shapes")
    for name in counts:
        print(f"{name.replace('_', ' '):18} {getattr(estimate, name)}")
    print(f"{'time':18} about {duration(estimate.seconds)}, by {estimate.basis}")
    if estimate.gpu_hours:
        print(f"{'GPU-hours':18} {estimate.gpu_hours:.2f}, cost {estimate.cost:.2f}")
    free = f"; {format_bytes(estimate.free_bytes)} are free" if estimate.free_bytes is not None else ""
    print(f"{'disk':18} about {format_bytes(estimate.output_bytes)}{free}")
    for name, count in sorted(estimate.licenses.items()):
        print(f"{'licence':18} {name}: {count}")
    for name, count in estimate.left_out.items():
        print(f"{'left out':18} {name}: {count}")
    if estimate.bad_inputs:
        print(f"{'bad inputs':18} {len(estimate.bad_inputs)}")
    for message in estimate.bad_inputs[:20]:
        print(f"  {message}")
    if len(estimate.bad_inputs) > 20:
        print(f"  … and {len(estimate.bad_inputs) - 20} more bad inputs")
    print_notes(estimate.notes)


def duration(seconds: float) -> str:
    """A time as text: `40 s`, `12 min`, `3.5 h`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
