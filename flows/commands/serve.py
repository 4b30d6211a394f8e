"""The command `serve`."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from flows.commands.options import RunFile, Set
from nst_core.errors import UsageError
from nst_core.storage.written_paths import written_local_path


def serve(
    file: RunFile,
    cron: Annotated[str, typer.Option("--cron", help='When to run, e.g. "0 2 * * *" for two every night.')],
    set_: Set = None,
    strict: Annotated[bool, typer.Option("--strict", help="Each run starts nothing if any input is bad.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Each run starts even if the disk seems too small.")] = False,
    timezone: Annotated[
        str | None, typer.Option(help="Of the schedule, e.g. Europe/Berlin; else this machine's.")
    ] = None,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Of the server, its UI included.")] = 4200,
    server_home: Annotated[
        Path | None,
        typer.Option(
            parser=written_local_path,
            metavar="DIR",
            help="Where the server keeps its database; else ~/.local/share/nst.",
        ),
    ] = None,
) -> None:
    """Run a run file on a schedule until stopped: each time, what is new since the last. Starts a Prefect server."""
    from flows.deploy.overrides import hidden_overrides
    from flows.deploy.schedule import local_timezone, schedule_of, serve_schedule, serving_environment
    from flows.progress import console
    from flows.server.lasting_server import address
    from nst_core.config.run_config import load_config
    from nst_core.storage.secrets import redact

    config = load_config(file, set_ or ())
    zone = timezone or local_timezone()
    overrides = hidden_overrides(set_ or ())
    parameters = {"file": _absolute_name(file), "overrides": overrides, "strict": strict, "force": force}
    given = os.environ.get("PREFECT_API_URL")
    serving_environment(given or f"{address(port)}/api")
    schedule_of(cron, zone)  # an error now, not after the start of the server
    with _server(given, server_home, port) as pages:
        sentence = (
            f"Runs into {redact(str(config.run_folder))} at {cron} ({zone}); Ctrl-C ends it\nPrefect's pages: {pages}"
        )
        console.print(sentence, markup=False, soft_wrap=True)
        serve_schedule(config.name, parameters, cron, zone)


def _absolute_name(file: Path) -> str:
    """The absolute path of the run file, for processes in any folder; the name of a shipped one as it is."""
    return str(file.absolute()) if file.is_file() else str(file)


@contextlib.contextmanager
def _server(given: str | None, home: Path | None, port: int) -> Iterator[str]:
    """The server that `PREFECT_API_URL` names, or one of this process; yields the address of its pages."""
    from flows.deploy.schedule import ending_with
    from flows.progress import console
    from flows.server.lasting_server import address, lasting_server, server_home
    from flows.server.run_server import check_answers

    if given:
        if home is not None:
            raise UsageError("PREFECT_API_URL names a server, and --server-home asks for another: drop one of them.")
        check_answers(given)
        yield given.removesuffix("/api")
        return
    console.print("Starting a Prefect server")
    with lasting_server((home or server_home()).absolute(), port) as process, ending_with(process):
        yield address(port)
