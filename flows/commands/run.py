"""Commands that take a run file: demo, run, pair, plan."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.commands.options import EXIT_INCOMPLETE, Json, RunFile, Set
from flows.commands.preparation import (
    check_folders,
    check_sources,
    prepare_run,
    print_default_recipe,
    print_notes,
    resolved_fingerprints,
)
from flows.printing import print_first
from flows.printing import print_text as print
from nst_core.errors import UsageError, printable
from nst_core.run_folder.duration import duration
from nst_core.storage.written_paths import written_path

if TYPE_CHECKING:
    from nst_core.config.run_config import RunConfig
    from nst_core.plan.forecast import Forecast
    from nst_core.run_folder.summary import RunReport, Summary


@dataclass(frozen=True)
class RunChoices:
    """The options of `nst run` that are no keys of the run file."""

    strict: bool = False
    force: bool = False
    shard: str | None = None
    max_pairs: int | None = None


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
    max_pairs: Annotated[
        int | None,
        typer.Option("--max-pairs", min=1, help="Refuse a run file that asks for more (exit 2).", show_default=False),
    ] = None,
    as_json: Json = False,
) -> None:
    """Make everything that a run file asks for and that its folder does not hold yet."""
    chosen = [f"execution.{key}={value}" for key, value in (("runner", runner), ("resume", resume)) if value]
    _run(file, [*(set_ or ()), *chosen], RunChoices(strict, force, shard, max_pairs), as_json)


def pair(
    file: RunFile,
    output: Annotated[
        Any, typer.Option("--output", "-o", parser=written_path, metavar="FILE", help="The CSV file to write.")
    ] = Path("manifest.csv"),
    strategy: Annotated[
        str | None,
        typer.Option(help="In place of the run file's: random, artist, grid, nearest, farthest.", show_default=False),
    ] = None,
    set_: Set = None,
) -> None:
    """Write the pairs of a run file as a manifest (CSV), to be edited and used with pairing.manifest."""
    from nst_core.config.run_config import load_config

    chosen = [f"pairing.strategy={strategy}"] if strategy else []
    config = load_config(file, [*chosen, *(set_ or ())])
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

    print_default_recipe(config)
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


def _in_flow(config: RunConfig, choices: RunChoices) -> RunReport:
    """Check what can be checked before, then run the flow under Prefect's server."""
    check_folders(config)
    print_default_recipe(config)
    from flows.progress import console
    from nst_core.run_folder.folder import RunFolder
    from nst_core.run_folder.shard import Shard

    shard = Shard.parse(choices.shard) if choices.shard else None
    prepared = prepare_run(config, choices.strict, most=choices.max_pairs)
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
    if not report.complete:
        where = "the report says how" if report.report else "docs/troubleshooting.md says how"
        print(f"Mend what is named ({where}) and give the same command again: it makes what is missing, nothing twice")


def print_summary(summary: Summary) -> None:
    """Print counts, bad inputs and reasons of failures."""
    counts = ("success", "failed", "quarantined", "skipped", "missing")
    parts = [f"{getattr(summary, name)} {name}" for name in counts if getattr(summary, name) or name == "success"]
    print(f"{summary.planned} pairs: {', '.join(parts)}")
    print_first(
        summary.bad_inputs,
        lambda bad: f"  {bad.role} {printable(bad.path)}: {bad.reason} ({bad.pairs} pair{'s' * (bad.pairs != 1)})",
        "more in quarantine.csv",
    )
    for reason, count in (summary.errors | summary.left_out).items():
        print(f"  {reason}: {count}")


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
    print_first(estimate.bad_inputs, lambda message: f"  {message}", "more bad inputs")
    print_notes(estimate.notes)
