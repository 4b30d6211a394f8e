"""The command `publish`."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from flows.commands.export import print_report
from flows.commands.options import EXIT_INCOMPLETE, Json, RunPath
from flows.printing import print_text as print
from nst_core.errors import UsageError
from nst_core.storage.written_paths import written_path

if TYPE_CHECKING:
    from nst_core.publishing import PublicationReport

_HUB = "hf:"
_NAME = re.compile(r"[A-Za-z0-9_][\w.-]{0,95}/[A-Za-z0-9_][\w.-]{0,95}", re.ASCII)


def publish(
    run: RunPath,
    to: Annotated[
        str,
        typer.Option("--to", metavar="hf:OWNER/NAME|DIR", help="A dataset on the Hugging Face Hub, or a new folder."),
    ],
    format: Annotated[
        Literal["imagefolder", "webdataset"], typer.Option("--format", help="The layout, as of `nst export`.")
    ] = "imagefolder",
    public: Annotated[
        bool, typer.Option("--public", help="Let everybody see it, once it is complete; else it is private.")
    ] = False,
    where: Annotated[
        str | None, typer.Option(metavar="CONDITION", help="Only images that fulfil it, as of `nst export`.")
    ] = None,
    shard_size: Annotated[
        int | None, typer.Option("--shard-size", min=1, help="webdataset: images per tar; by default 5000.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Publish images that their licences forbid to publish, too.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Publish the images of a run as a dataset, with its card; given again, it goes on or brings it up to date."""
    from flows.progress import reporter
    from nst_core.export import ExportOptions
    from nst_core.publishing import publish_run

    place = _place(to)
    if public and not to.startswith(_HUB):
        raise UsageError("--public is for the Hub: a folder is seen by whoever may read it.")
    options = ExportOptions(shard_size=shard_size, where=where)
    with reporter.stage("Publishing", 0, "images"):
        report = publish_run(run, place, format, options, public=public, force=force, progress=reporter.at_least)
    if as_json:
        told = asdict(report) | {"export": asdict(report.export) | {"folder": str(report.export.folder)}}
        print(json.dumps(told, indent=2, ensure_ascii=False))
    else:
        _print(report)
    if report.export.left_out:
        raise typer.Exit(EXIT_INCOMPLETE)


def _place(to: str) -> Any:
    """The repository or the folder that a person means. Raises UsageError."""
    if not to.startswith(_HUB):
        return written_path(to)
    name = to.removeprefix(_HUB)
    if not _NAME.fullmatch(name) or ".." in name or "--" in name:
        raise UsageError(f"--to {to!r}: a dataset on the Hub is written as hf:OWNER/NAME.")
    from nst_core.publishing.hub import HubRepository

    return HubRepository(name)


def _print(report: PublicationReport) -> None:
    print_report(report.export, report.place)
    if report.forced:
        print(f"{report.forced} of them are published although no licence lets them be")
    if report.public is False:
        print("It is private: look at its page, then say --public, or change its settings there")
