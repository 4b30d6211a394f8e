"""The Prefect server of a run: a temporary one on this machine, or the one that PREFECT_API_URL names."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterator
from pathlib import Path

from flows.progress import console
from flows.server.child_server import ChildServer
from flows.server.database import DATABASE, keep_empty_copy, temporary_database
from nst_core.errors import TransientError, UsageError

START_TIMEOUT = 120
"""Seconds that a server may take to start."""


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
        server = ChildServer(folder)
        try:
            try:
                server.start(timeout=START_TIMEOUT)
            except (RuntimeError, OSError) as error:
                raise TransientError(
                    f"Prefect's server did not start ({error}): run the same command again."
                ) from error
            keep_empty_copy(folder)
            with temporary_settings({PREFECT_API_URL: server.api_url}), server.kept_alive():
                yield server.api_url
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
        "PREFECT_API_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{folder / DATABASE}",
        "PREFECT_MEMO_STORE_PATH": str(folder / "memo_store.toml"),
    }
