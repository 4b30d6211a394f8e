"""The command `sweep`: a grid of settings on a few pairs, each combination a run, and one page to compare them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.commands.options import EXIT_INCOMPLETE, Json, RunFile, Set
from flows.commands.preparation import (
    PreparedRun,
    check_sources,
    prepare_run,
    print_default_recipe,
    print_notes,
    resolved_fingerprints,
)
from flows.printing import print_text as print
from nst_core.errors import Interrupted, UsageError
from nst_core.storage.written_paths import written_path

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nst_core.config.run_config import RunConfig
    from nst_core.manifest.pairing import Pair
    from nst_core.plan.wanted import Sources
    from nst_core.run_folder.summary import RunReport
    from nst_core.sweep.axes import Axis
    from nst_core.sweep.variants import Variant

PAIRS = 2
"""Pairs of a sweep where nothing is said."""


@dataclass(frozen=True)
class _Sweep:
    """A sweep that is ready to be made; `judge` is the name of a network, None where there is none."""

    name: str
    folder: Path
    axes: tuple[Axis, ...]
    variants: list[Variant]
    pairs: list[Pair]
    sources: Sources
    judge: str | None


def sweep(
    file: RunFile,
    over: Annotated[
        list[str],
        typer.Option(
            "--over",
            metavar="KEY=A,B,…",
            help="A key and its values, as in a list of YAML; the first key makes the rows, the second the columns.",
        ),
    ],
    pairs: Annotated[
        int | None, typer.Option("--pairs", min=1, help="Pairs to make; 2, or with --only all that it means.")
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(
            "--only",
            metavar="NAME",
            help="Among the pairs of this content, style, artist, content--style, or pair id.",
        ),
    ] = None,
    set_: Set = None,
    output: Annotated[
        Any,
        typer.Option(
            "--output",
            "-o",
            parser=written_path,
            metavar="DIR",
            help="The sweep's folder; else <output.root>/<name>-sweep.",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Of the choice of pairs; pairing.seed where it is left out.")
    ] = None,
    judge: Annotated[
        str | None,
        typer.Option(metavar="NETWORK", help="vgg19, squeezenet or wavelet; else the best that makes no picture here."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Make more than 200 variants.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Start even if the disk seems too small.")] = False,
    as_json: Json = False,
) -> None:
    """Make a few pairs with every combination of some settings, and a page that compares them. Goes on where it was."""
    from nst_core.sweep.axes import check_count, parse_axes

    axes = parse_axes(over)
    check_count(axes, yes)
    prepared = _prepare(file, axes, set_ or (), output, _Choice(pairs, tuple(only or ()), seed), judge)
    reports = _make(prepared, force)
    page = _build_page(prepared)
    _print_end(prepared, reports, page, as_json)
    if not all(report.complete for report in reports):
        raise typer.Exit(EXIT_INCOMPLETE)


@dataclass(frozen=True)
class _Choice:
    """Which pairs are made: how many, the names that they may have, the seed of the choice."""

    count: int | None
    names: tuple[str, ...]
    seed: int | None


def _prepare(
    file: Path,
    axes: tuple[Axis, ...],
    overrides: Sequence[str],
    output: Path | None,
    choice: _Choice,
    judge: str | None,
) -> _Sweep:
    """Check everything and choose the pairs, before anything is written."""
    from flows.progress import reporter
    from nst_core.config.run_config import load_config
    from nst_core.plan.wanted import open_sources
    from nst_core.sweep.variants import make_variants

    base = load_config(file, overrides)
    folder = output or base.output.root / f"{base.name}-sweep"
    variants = make_variants(file, overrides, axes, folder)
    _check_folder(folder)
    network = _judge(variants, judge)
    check_sources(base)
    if not {"method", "method.recipe"}.intersection(axis.key for axis in axes):
        print_default_recipe(base)
    with reporter.stage("Reading the sources", 0, "files"):
        sources = open_sources(base, reporter.at_least)
    print_notes(sources.notes)
    pairs = _chosen_pairs(base, sources, [axis.key for axis in axes], choice)
    return _Sweep(base.name, folder, axes, variants, pairs, sources, network)


def _check_folder(folder: Path) -> None:
    """Raise UsageError where the folder cannot be a sweep's."""
    from nst_core.run_folder.folder import RunFolder
    from nst_core.views.paths import enclosing_run

    if run := enclosing_run(folder, ()):
        raise UsageError(f"{folder} is, or lies in, the run folder {run}: choose another place with --output.")
    RunFolder(folder).check_writable()


def _judge(variants: Sequence[Variant], name: str | None) -> str | None:
    """The name of the judge. A sweep goes on without, where nobody named one and none can be."""
    from nst_core.sweep.shown_sweep import sweep_judge

    try:
        return sweep_judge(variants, name).name
    except UsageError as error:
        if name:
            raise
        print_notes([f"the pictures will not be judged: {error}"])
        return None


def _chosen_pairs(base: RunConfig, sources: Sources, swept: Sequence[str], choice: _Choice) -> list[Pair]:
    from nst_core.plan.wanted import pair_sources
    from nst_core.sweep.pair_choice import MOST_NAMED, choose_pairs, named_pairs, sweep_pairs

    pairs = sweep_pairs(pair_sources(base, sources), base, sources, swept)
    count = choice.count
    if choice.names:
        found = named_pairs(pairs, choice.names, lambda: resolved_fingerprints(base).method)
        if count is None and len(found) > MOST_NAMED:
            raise UsageError(f"--only means {len(found)} pairs: say with --pairs how many of them are to be made.")
        pairs, count = iter(found), count or len(found)
    chosen = choose_pairs(pairs, count or PAIRS, base.pairing.seed if choice.seed is None else choice.seed)
    if not chosen:
        raise UsageError("The run file has no pair of a photograph with a style that could be made.")
    if len(chosen) < (choice.count or 0):
        print_notes([f"there are {len(chosen)} pairs, not {choice.count}."])
    return chosen


def _make(sweep: _Sweep, force: bool) -> list[RunReport]:
    """Run what is not done yet, variant by variant, and judge it."""
    from nst_core.manifest.csv_writer import write_manifest
    from nst_core.manifest.pairs import manifest_rows
    from nst_core.sweep.variants import PAIRS_FILE

    write_manifest(manifest_rows(sweep.pairs), sweep.folder / PAIRS_FILE)
    prepared = [prepare_run(variant.config, sources=sweep.sources) for variant in sweep.variants]
    reports = [one.report for one in prepared]
    if not all(reports):
        reports = _run_unfinished(sweep, prepared, force)
    made = [report for report in reports if report]
    _judge_all(sweep, made)
    return made


def _run_unfinished(sweep: _Sweep, prepared: Sequence[PreparedRun], force: bool) -> list[RunReport | None]:
    from flows.progress import console
    from flows.server.run_server import prefect_server

    with prefect_server():
        from flows.pipeline import run_pipeline
        from flows.signals import stop_requested

        reports: list[RunReport | None] = []
        for number, (variant, one) in enumerate(zip(sweep.variants, prepared, strict=True), start=1):
            if one.report is None:
                console.print(f"{number}/{len(prepared)}: {variant.label}", markup=False, soft_wrap=True)
            try:
                reports.append(one.report or run_pipeline(variant.config, False, force, None, one.wanted))
                if stop_requested.is_set():  # too late for this variant, not for the next
                    raise Interrupted
            except Interrupted:
                _build_page(sweep)  # of what there is
                raise
    return reports


def _judge_all(sweep: _Sweep, reports: Sequence[RunReport]) -> None:
    from flows.progress import reporter
    from nst_core.judging.run_judging import judge_run

    finished = [report for report in reports if report.summary.success]
    if sweep.judge is None:
        return
    with reporter.stage("Judging", len(finished), "variants"):
        for number, report in enumerate(finished, start=1):
            judge_run(report.folder, sweep.judge)
            reporter.at_least(number, len(finished))


def _build_page(sweep: _Sweep) -> Path:
    from flows.progress import reporter
    from nst_core.sweep.shown_sweep import shown_sweep
    from nst_core.views.sweep import build_sweep_page

    shown = shown_sweep(sweep.name, sweep.folder, sweep.axes, sweep.variants, sweep.pairs, sweep.judge)
    with reporter.stage("Building the page", 0, "pictures"):
        return build_sweep_page(shown, reporter.at_least)


def _print_end(sweep: _Sweep, reports: Sequence[RunReport], page: Path, as_json: bool) -> None:
    from nst_core.sweep.setting_text import set_options

    pictures = sum(report.summary.success for report in reports)
    planned, made = sum(report.summary.planned for report in reports), sum(report.made for report in reports)
    if as_json:
        variants = [
            {"run_folder": str(report.folder), "set": set_options(variant.settings), "success": report.summary.success,
             "planned": report.summary.planned, "made": report.made}
            for variant, report in zip(sweep.variants, reports, strict=True)
        ]  # fmt: skip
        told = {"folder": str(sweep.folder), "page": str(page), "judge": sweep.judge, "variants": variants}
        print(json.dumps(told, indent=2, ensure_ascii=False))
        return
    print(f"{len(reports)} variants of {len(sweep.pairs)} pairs: {pictures} of {planned} pictures, {made} made now")
    for report in reports:
        if not report.complete:
            print(f"  {report.folder}: {dict(report.summary.errors) or 'incomplete'}")
    print(f"Page: {page}")
