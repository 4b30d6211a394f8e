"""The command `app`."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from flows.commands.options import Set
from nst_core.errors import UsageError
from nst_core.storage.paths import is_local
from nst_core.storage.written_paths import written_path

NEEDED = ("uvicorn", "python_multipart", "fastapi")


def app(
    file: Annotated[
        Any | None,
        typer.Argument(
            parser=written_path,
            metavar="[FILE]",
            help="A run file: its sources are what can be picked, its method comes first; built-in ones without it.",
        ),
    ] = None,
    output: Annotated[
        Any, typer.Option(parser=written_path, metavar="DIR", help="The run folder of everything that is made here.")
    ] = Path("outputs/app"),
    host: Annotated[
        str, typer.Option(help="The address to answer on; by default only this machine can reach it.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8000,
    password: Annotated[
        str | None,
        typer.Option(
            envvar="NST_APP_PASSWORD", help="Asked of everybody; the variable keeps it out of the list of processes."
        ),
    ] = None,
    no_password: Annotated[
        bool, typer.Option("--no-password", help="Other machines may use it without being asked for one.")
    ] = False,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A name by which browsers ask for this server, e.g. behind a proxy."),
    ] = None,
    proxies: Annotated[
        int,
        typer.Option(
            min=0, max=10, metavar="N", help="Proxies of yours in front: the headers of the last N hops are believed."
        ),
    ] = 0,
    forwarded: Annotated[
        bool, typer.Option("--forwarded", help="These proxies write Forwarded (RFC 7239), not X-Forwarded-For.")
    ] = False,
    upload_mb: Annotated[float, typer.Option(min=0.1, help="Largest file that can be uploaded.")] = 30.0,
    megapixels: Annotated[float, typer.Option(min=0.1, help="Largest picture that is taken.")] = 60.0,
    max_size: Annotated[int, typer.Option(min=32, help="Largest side at which pictures are made.")] = 512,
    queue: Annotated[int, typer.Option(min=1, help="Pictures that wait, at most.")] = 20,
    per_person: Annotated[int, typer.Option(min=1, help="Pictures of one person on their way, at most.")] = 5,
    per_address: Annotated[
        int, typer.Option(min=1, help="Pictures from one address on their way, at most, whatever names people have.")
    ] = 10,
    seconds: Annotated[float, typer.Option(min=1, help="That one picture may take.")] = 300.0,
    runs: Annotated[
        Any | None,
        typer.Option(
            parser=written_path, metavar="DIR", help="The folder of runs on the page of runs; that of --output."
        ),
    ] = None,
    run_files: Annotated[
        list[Any] | None,
        typer.Option(
            parser=written_path,
            metavar="PATH",
            help="A run file, or a folder of them, to be started there as it is, beside FILE; may be repeated.",
        ),
    ] = None,
    data: Annotated[
        list[Any] | None,
        typer.Option(
            parser=written_path,
            metavar="DIR",
            help="A folder that uploaded run files may read, beside the sources of FILE; may be repeated.",
        ),
    ] = None,
    runs_at_once: Annotated[int, typer.Option(min=1, help="Runs at work, beyond which none is started.")] = 1,
    run_pairs: Annotated[int, typer.Option(min=1, help="Pairs of an uploaded run file, at most.")] = 10_000,
    set_: Set = None,
) -> None:
    """Answer on a web page where anyone puts in a photograph and a painting and watches the result form.

    A second page shows the runs beside it: they are watched, started, paused and resumed there.
    """
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise UsageError("The app needs more packages: pip install 'nst-pipeline[app]'.")
    from flows.progress import console
    from nst_core.app.forwarding import Forwarding
    from nst_core.app.limits import Limits
    from nst_core.app.runs.settings import RunSettings, data_folders
    from nst_core.app.server import ServerAddress, serve
    from nst_core.config.run_config import load_config, parse_config

    limits = Limits(
        upload_bytes=int(upload_mb * 1e6),
        pixels=int(megapixels * 1e6),
        size=max_size,
        queue=queue,
        per_person=per_person,
        per_address=per_address,
        seconds=seconds,
    )
    config = load_config(file, set_ or ()) if file else parse_config({}, set_ or ())
    place = config.output.model_copy(update={"root": output.parent})
    config = config.model_copy(update={"name": output.name, "output": place})
    forwarding = Forwarding(proxies, forwarded)
    address = ServerAddress(host, port, password or None, no_password, tuple(allow_host or ()), forwarding)
    if forwarded and not proxies:
        raise UsageError("--forwarded says how proxies write, and there are none: give their number with --proxies.")
    if no_password and password:
        raise UsageError("--password and --no-password are given: drop one of them.")
    for path in (runs, *(run_files or ()), *(data or ())):
        if path is not None and not is_local(path):
            raise UsageError(f"{path} is at a store: the page of runs needs folders on a disk.")
    sources, samples = data_folders(config)
    settings = RunSettings(
        folder=runs or output.parent,
        command=(sys.executable, "-P", "-m", "flows", "run"),
        data=(*sources, *(data or ())),
        samples=samples,
        files=(*([file] if file and file.is_file() else []), *(run_files or ())),
        at_once=runs_at_once,
        pairs=run_pairs,
    )
    serve(config, limits, address, lambda sentence: console.print(sentence, markup=False, soft_wrap=True), settings)
