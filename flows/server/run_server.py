"""The Prefect server of a run: a temporary one on this machine, or the one that PREFECT_API_URL names."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.progress import console
from flows.server.database import temporary_database
from nst_core.errors import TransientError, UsageError

if TYPE_CHECKING:
    from prefect.server.api.server import SubprocessASGIServer

START_TIMEOUT = 120
"""Seconds that a server may take to start."""

MAX_RESTARTS = 5
"""Most restarts of a server that died, within one run; after that the run goes on without one."""


@contextlib.contextmanager
def prefect_server() -> Iterator[str]:
    """A Prefect API for the length of the block; yields its address.

    Where `PREFECT_API_URL` names one, that is used. Otherwise a server is started for this run alone: its database
    lies in a temporary folder and is gone at the end, because the run folder, not the database, knows what is done.

    Raises:
        TransientError: the server did not start.
    """
    tell_of_home()
    with contextlib.redirect_stderr(io.StringIO()):  # faults in its settings are raised, too: `flows.causes` tells them
        from prefect.settings import PREFECT_API_URL, temporary_settings

    given = PREFECT_API_URL.value()
    if given:
        check_answers(given)
        yield given
        return
    console.print("Starting a Prefect server for this run")
    with temporary_database() as folder, environment(_database_settings(folder) | past_proxies()):
        server = _child_server(folder)
        try:
            try:
                server.start(timeout=START_TIMEOUT)
            except (RuntimeError, OSError) as error:
                raise TransientError(
                    f"Prefect's server did not start ({error}): run the same command again."
                ) from error
            with temporary_settings({PREFECT_API_URL: server.api_url}), _kept_alive(server):
                yield str(server.api_url)
        finally:
            server.stop()


def tell_of_home() -> None:
    """Say so where the folder that PREFECT_HOME names cannot be written: Prefect then keeps nothing there."""
    home = os.environ.get("PREFECT_HOME")
    if not home:
        return
    try:
        Path(home).mkdir(parents=True, exist_ok=True)
        writable = os.access(home, os.W_OK)
    except OSError:
        writable = False
    if not writable:
        sentence = f"PREFECT_HOME names {home}, which cannot be written: Prefect keeps nothing there."
        console.print(sentence, markup=False, soft_wrap=True)


def check_answers(address: str) -> None:
    """Raise UsageError where the server that PREFECT_API_URL names cannot be reached."""
    import httpx

    try:
        httpx.get(f"{address}/health", timeout=10).raise_for_status()
    except httpx.HTTPError as error:
        raise UsageError(
            f"PREFECT_API_URL names {address}, but no Prefect server answers there ({error}): "
            "start it, or unset the variable."
        ) from error


def _child_server(folder: Path) -> SubprocessASGIServer:
    """Prefect's own temporary server, which ignores the terminal's Ctrl-C and never outlives this process."""
    from prefect.server.api.server import SubprocessASGIServer
    from prefect.settings import get_current_settings

    class ChildServer(SubprocessASGIServer):
        def _run_uvicorn_command(self) -> subprocess.Popen[Any]:
            script = Path(__file__).with_name("server_process.py")
            return subprocess.Popen(
                [sys.executable, "-P", str(script), str(self.port), str(folder)],
                stdin=subprocess.PIPE,
                start_new_session=True,
                env={
                    **os.environ,
                    **{"PREFECT_UI_ENABLED": "0", "PREFECT__SERVER_EPHEMERAL": "1", "PREFECT__SERVER_FINAL": "1"},
                    **get_current_settings().to_environment_variables(exclude_unset=True),
                },
            )

    return ChildServer()


@contextlib.contextmanager
def _kept_alive(server: SubprocessASGIServer) -> Iterator[None]:
    """Restart the server, on its port and with its database, if it dies within the block.

    Prefect's client tries again for a minute; the new server answers within seconds.
    """
    ended = threading.Event()

    def watch() -> None:
        restarts = 0
        while not ended.wait(0.5) and restarts < MAX_RESTARTS:
            if server.server_process is not None and server.server_process.poll() is not None:
                restarts += 1
                console.print("Prefect's server died: starting another")
                server.server_process = server._run_uvicorn_command()

    watcher = threading.Thread(target=watch, name="prefect server", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()


@contextlib.contextmanager
def environment(settings: dict[str, str]) -> Iterator[None]:
    """Set environment variables for the length of the block."""
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def past_proxies() -> dict[str, str]:
    """Environment variables that keep requests to this machine's own server away from proxies."""
    hosts = [os.environ.get("NO_PROXY") or os.environ.get("no_proxy") or "", "127.0.0.1"]
    value = ",".join(filter(None, hosts))
    return {"NO_PROXY": value, "no_proxy": value}


def _database_settings(folder: Path) -> dict[str, str]:
    return {
        "PREFECT_API_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{folder / 'prefect.db'}",
        "PREFECT_MEMO_STORE_PATH": str(folder / "memo_store.toml"),
    }
