"""The command `styles`."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.commands.options import EXIT_INCOMPLETE, Json, RunFile, Set
from flows.printing import print_first
from flows.printing import print_text as print
from nst_core.storage.written_paths import written_path

if TYPE_CHECKING:
    from nst_core.chunks.single.style_vectors import StylesReport


def styles(
    file: RunFile,
    output: Annotated[
        Any,
        typer.Option("--output", "-o", parser=written_path, metavar="STYLES", help="The file to write (.parquet)."),
    ],
    set_: Set = None,
    as_json: Json = False,
) -> None:
    """Write what a run file's transfer network knows of each painting of its style source, for training on the fly."""
    from flows.progress import reporter
    from nst_core.chunks.single.style_vectors import collect_styles
    from nst_core.config.run_config import load_config

    config = load_config(file, set_ or ())
    with reporter.stage("Looking at the paintings", 0, "paintings"):
        report = collect_styles(config, output, reporter.at_least)
    if as_json:
        print(json.dumps(asdict(report) | {"file": str(output)}, indent=2, ensure_ascii=False))
    else:
        _print_report(report, output)
    if not report.is_complete:
        raise typer.Exit(EXIT_INCOMPLETE)


def _print_report(report: StylesReport, output: Any) -> None:
    print(f"{output}: {report.written} styles, each {report.length} numbers, by the network {report.network}")
    for note in report.notes:
        print(note)
    if report.excluded:
        print(f"{report.excluded} left out by the run file, as duplicates or by their licence")
    if report.left_out:
        print(f"{len(report.left_out)} cannot be used:")
        print_first(report.left_out, lambda one: f"  {one.style_id}: {one.reason}")
