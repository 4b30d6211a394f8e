"""The command `app`."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Annotated, Any

import typer

from flows.commands.options import Set
from nst_core.errors import UsageError
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
    set_: Set = None,
) -> None:
    """Answer on a web page where anyone puts in a photograph and a painting and watches the result form."""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise UsageError("The app needs more packages: pip install 'nst-pipeline[app]'.")
    from flows.progress import console
    from nst_core.app.forwarding import Forwarding
    from nst_core.app.limits import Limits
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
    serve(config, limits, address, lambda sentence: console.print(sentence, markup=False, soft_wrap=True))
