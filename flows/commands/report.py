"""`nst report`: the page of a run, its Markdown, or its numbers; alone or against another run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.commands.options import Json, RunPath
from flows.printing import print_text as print
from nst_core.storage.written_paths import written_path

if TYPE_CHECKING:
    from nst_core.views.report.builder import Report
    from nst_core.views.report.numbers import Prices


def report(
    run: RunPath,
    against: Annotated[
        Any | None,
        typer.Option(
            parser=written_path, metavar="RUN", help="Another run, to compare the same pairs.", show_default=False
        ),
    ] = None,
    output: Annotated[
        Any | None,
        typer.Option(
            "--output",
            "-o",
            parser=written_path,
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
    from nst_core.storage.web_access import accept_old_copies
    from nst_core.views.report.numbers import Prices

    accept_old_copies()
    prices = Prices(price_per_gpu_hour, price_per_hour)
    if as_json:
        _print_numbers(run, against, prices)
    if not as_json or output is not None:
        page = _write_page(run, against, output, prices)
        if not as_json:
            print(*page.sentences, f"Report: {page.page}", sep="\n")


def _write_page(run: RunPath, against: Path | None, output: Path | None, prices: Prices) -> Report:
    """Write the page. The run folder is locked only if the page goes into it."""
    import contextlib

    from flows.progress import reporter
    from nst_core.run_folder.folder import RunFolder
    from nst_core.views.report import build_report
    from nst_core.views.report.destination import destination_of

    folder = RunFolder(run)
    folder.check_exists()
    in_run_folder = destination_of(run, output, against).at_home
    lock = folder.locked() if in_run_folder else contextlib.nullcontext()
    with lock, reporter.stage("Making the report", 0, "files"):
        return build_report(run, against, output, prices, progress=reporter.at_least)


def _print_numbers(run: RunPath, against: Path | None, prices: Prices) -> None:
    from nst_core.views.report.comparison import compare
    from nst_core.views.report.numbers import run_numbers
    from nst_core.views.report.run_reader import read_run

    rows = read_run(run, whole_plan=against is not None)
    numbers = run_numbers(rows, prices).as_dict()
    if against is not None:
        numbers["against"] = compare(rows, read_run(against, whole_plan=True)).as_dict()
    print(json.dumps(numbers, indent=2, ensure_ascii=False))
