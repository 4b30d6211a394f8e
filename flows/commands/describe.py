"""The command `describe`."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer

from flows.commands.options import EXIT_INCOMPLETE, Json, RunPath
from flows.printing import print_first
from flows.printing import print_text as print
from nst_core.errors import printable


def describe(
    run: RunPath,
    device: Annotated[str, typer.Option(help="auto, cpu, or cuda:N.")] = "auto",
    as_json: Json = False,
) -> None:
    """Describe the look of each picture of a run in numbers, by which the gallery finds others like it."""
    from flows.progress import reporter
    from nst_core.describing.run_describing import describe_run

    with reporter.stage("Describing", 0, "pictures"):
        description = describe_run(run, device, reporter.at_least)
    left_out = description.left_out
    if as_json:
        print(json.dumps(asdict(description) | {"run_folder": str(run)}, indent=2, ensure_ascii=False))
    else:
        done = f"{description.results} results and {description.paintings} paintings are described"
        print(f"{done}, {description.new} of them now")
        if left_out:
            print(f"{len(left_out)} cannot be described:")
        print_first(
            left_out, lambda one: f"  {printable(one.name)}: {printable(one.reason)}", "more: --json has them all"
        )
        print(f"`nst gallery {run}` shows which look alike")
    if left_out:
        raise typer.Exit(EXIT_INCOMPLETE)
