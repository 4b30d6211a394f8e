"""`nst report`: the page of a run, its Markdown, or its numbers; alone or against another run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands.options import Json, RunPath
from nst_core.storage.paths import located

if TYPE_CHECKING:
    from nst_core.views.report.builder import Report
    from nst_core.views.report.numbers import Prices


def report(
    run: RunPath,
    against: Annotated[
        Path | None,
        typer.Option(parser=located, metavar="RUN", help="Another run, to compare the same pairs.", show_default=False),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            parser=located,
            metavar="FILE|DIR",
            help="A folder for the page and its pictures, or one .html file that holds them. By default RUN/report.",
            show_default=False,
        ),
    ] = None,
    price_per_gpu_hour: Annotated[
        float | None, typer.Option(min=0, help="Of a GPU, to estimate the cost by.", show_default=False)
    ] = None,
    price_per_hour: Annotated[
        float | None, typer.Option(min=0, help="Of the machine as a whole.", show_default=False)
    ] = None,
    as_json: Json = False,
) -> None:
    """Tell what a run came to, what failed and why, its losses, time and cost; needs no Prefect server."""
    from nst_core.views.report.numbers import Prices

    prices = Prices(price_per_gpu_hour, price_per_hour)
    if as_json:
        _print_numbers(run, against, prices)
    if not as_json or output is not None:
        report_ = _build(run, against, output, prices)
        if not as_json:
            print(*report_.sentences, f"Report: {report_.page}", sep="\n")


def _build(run: RunPath, against: Path | None, output: Path | None, prices: Prices) -> Report:
    """Write the page; only where it goes into the run folder is that held for us alone."""
    import contextlib

    from flows.progress import reporter
    from nst_core.run_folder.folder import RunFolder
    from nst_core.views.report import build_report
    from nst_core.views.report.destination import destination_of

    folder = RunFolder(run)
    folder.check_exists()
    at_home = destination_of(run, output, against).at_home
    held = folder.locked() if at_home else contextlib.nullcontext()
    with held, reporter.stage("Making the report", 0, "files"):
        return build_report(run, against, output, prices, progress=reporter.at_least)


def _print_numbers(run: RunPath, against: Path | None, prices: Prices) -> None:
    from nst_core.views.report.comparison import compare
    from nst_core.views.report.numbers import run_numbers
    from nst_core.views.report.run_reader import read_run

    here = read_run(run, whole_plan=against is not None)
    told = run_numbers(here, prices).as_dict()
    if against is not None:
        there = read_run(against, whole_plan=True)
        told["against"] = compare(here, there).as_dict()
    print(json.dumps(told, indent=2, ensure_ascii=False))
