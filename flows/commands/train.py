"""The commands `train slim` and others: networks trained on the sources of a run file."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from flows.commands.options import EXIT_INCOMPLETE, Json, RunFile, Set
from flows.printing import print_first
from flows.printing import print_text as print
from nst_core.errors import printable

if TYPE_CHECKING:
    from pathlib import Path

    from flows.training import FinishedTraining


group = typer.Typer(no_args_is_help=True, add_completion=False)


@group.callback()
def train() -> None:
    """Train a network on the sources of a run file, or go on training it."""


@group.command()
def slim(file: RunFile, set_: Set = None, as_json: Json = False) -> None:
    """A compact network that stands for VGG-19, for `features: slim`: content photographs, style paintings."""
    _train("slim", file, set_, as_json)


@group.command()
def johnson(file: RunFile, set_: Set = None, as_json: Json = False) -> None:
    """A network that paints photographs in the style of one painting, in one pass (Johnson, Alahi, Fei-Fei 2016)."""
    _train("johnson", file, set_, as_json)


@group.command()
def adain(file: RunFile, set_: Set = None, as_json: Json = False) -> None:
    """A network that paints photographs in the style of any painting, in one pass (AdaIN, Huang and Belongie 2017)."""
    _train("adain", file, set_, as_json)


@group.command()
def quick(file: RunFile, set_: Set = None, as_json: Json = False) -> None:
    """A network that paints in any style in one pass, for `network: FILE`: content photographs, style paintings."""
    _train("quick", file, set_, as_json)


def _train(kind: str, file: Path, overrides: list[str] | None, as_json: bool) -> None:
    from flows.commands.preparation import check_folders
    from nst_core.config.run_config import load_config

    config = load_config(file, overrides or ())
    check_folders(config)
    from flows.server.run_server import prefect_server
    from nst_core.run_folder.folder import RunFolder

    RunFolder(config.output.root).check_writable()
    with prefect_server():
        from flows.training import train as flow

        finished = flow(config.name, kind, config)
    if as_json:
        print(json.dumps(asdict(finished), indent=2, ensure_ascii=False, default=str))
    else:
        _print(finished)
    if finished.bad or finished.unreadable:
        raise typer.Exit(EXIT_INCOMPLETE)


def _print(finished: FinishedTraining) -> None:
    report = finished.report
    print_first(
        finished.bad, lambda one: f"Left out: {one.role} {printable(one.path)}: {one.reason}", "more in left_out.csv"
    )
    for sentence in finished.unreadable:
        print(f"Left out: {sentence}")
    print(f"{report.steps} steps, {report.made} of them now in {report.seconds:.0f} s")
    for name, value in report.measured.items():
        print(f"  {name:28} {value:7.3f}")
    print(f"Network: {finished.result}")
    print(f"Folder: {finished.folder}")
