"""The command `export`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from flows.commands.options import EXIT_INCOMPLETE, Json, RunPath
from flows.printing import print_first
from flows.printing import print_text as print
from nst_core.errors import printable
from nst_core.storage.written_paths import written_local_path, written_path

if TYPE_CHECKING:
    from nst_core.export import ExportReport


def export(
    run: RunPath,
    to: Annotated[
        Literal["imagefolder", "webdataset", "coco"],
        typer.Option("--to", help="Hugging Face datasets, WebDataset tars, or COCO's layout."),
    ],
    output: Annotated[
        Any,
        typer.Option("--output", "-o", parser=written_path, metavar="DIR", help="A new folder outside of the run's."),
    ],
    link: Annotated[
        bool, typer.Option("--link", help="imagefolder, coco: hard links in place of copies, where possible.")
    ] = False,
    shard_size: Annotated[
        int | None, typer.Option("--shard-size", min=1, help="webdataset: images per tar; by default 5000.")
    ] = None,
    annotations: Annotated[
        list[Path] | None,
        typer.Option(
            "--annotations",
            parser=written_local_path,
            metavar="FILE",
            help="coco: the photographs' annotations, else run.yaml's.",
        ),
    ] = None,
    where: Annotated[
        str | None,
        typer.Option(
            metavar="CONDITION", help='Only images that fulfil it: "cfsd < 0.3 and style_distance < 0.5" (`nst judge`).'
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Write the images of a run as a dataset that other tools load; given again, it goes on or brings it up to date."""
    from flows.progress import reporter
    from nst_core.export import ExportOptions, export_run

    options = ExportOptions(link, shard_size, tuple(annotations or ()), where)
    with reporter.stage("Exporting", 0, "images"):
        report = export_run(run, to, output, options, reporter.at_least)
    if as_json:
        print(json.dumps(asdict(report) | {"folder": str(report.folder)}, indent=2, ensure_ascii=False))
    else:
        print_report(report, str(report.folder))
    if report.left_out or report.faults:
        raise typer.Exit(EXIT_INCOMPLETE)


def print_report(report: ExportReport, place: str) -> None:
    """Say what is in `place` now, and what was left out."""
    for note in report.notes:
        print(note)
    splits = ", ".join(f"{count} {split}" for split, count in report.splits.items())
    shares = f" ({splits})" if splits else ""
    counts = f"{report.images} of {report.planned} planned images are in {place}{shares}"
    print(f"{counts}, {report.written} written now")
    for fault in report.faults:
        print(f"left out of the annotations: {fault}")
    if report.left_out:
        print(f"{len(report.left_out)} left out:")
    print_first(report.left_out, lambda one: f"  {printable(f'{one.file_name}: {one.reason}')}", "more in export.json")
