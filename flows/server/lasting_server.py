"""A Prefect server with a permanent database, for schedules: a run's temporary server never fires them."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import filelock

from flows.server.lifecycle import answers, end
from flows.server.run_server import START_TIMEOUT, past_proxies
from nst_core.errors import TransientError, UsageError
from nst_core.storage.machine import user_folder

HOST = "127.0.0.1"
LOG = "server.log"
"""The server's log in its home, begun anew at each start."""
STOP_TIMEOUT = 15.0
"""Seconds until a server that was asked to end is killed."""


def server_home() -> Path:
    """`$XDG_DATA_HOME/nst/server`, by default `~/.local/share/nst/server`."""
    return user_folder("XDG_DATA_HOME", ".local/share") / "nst" / "server"


@contextlib.contextmanager
def lasting_server(home: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """A Prefect server, its UI included, at `address(port)` for the length of the block; its database stays in `home`.

    Only this machine can reach it. It never outlives this process, even a killed one.

    Raises:
        UsageError: the port is taken, or `home` is in use or cannot be written.
        TransientError: the server did not start.
    """
    with _held(home):
        _must_be_free(port)
        process = _start(home, port)
        try:
            if not answers(process, f"{address(port)}/api", START_TIMEOUT):
                raise TransientError(
                    f"Prefect's server did not start: {home / LOG} says why; then run the same command again."
                )
            yield process
        finally:
            end(process, STOP_TIMEOUT)


def address(port: int) -> str:
    """The server's address; its API is at `/api` below it."""
    return f"http://{HOST}:{port}"


@contextlib.contextmanager
def _held(home: Path) -> Iterator[None]:
    lock = filelock.FileLock(home / ".lock")
    try:
        home.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except filelock.Timeout as error:
        raise UsageError(
            f"Another nst serve keeps its server in {home}: set PREFECT_API_URL to that server's address "
            "to share it, or choose another folder with --server-home."
        ) from error
    except OSError as error:
        raise UsageError(f"{home} cannot be written ({error.strerror}): choose another with --server-home.") from error
    try:
        yield
    finally:
        lock.release()


def _must_be_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise UsageError(
                f"Port {port} is taken: if a Prefect server answers there, set PREFECT_API_URL={address(port)}/api "
                "to use it; else choose another with --port."
            ) from error


def _start(home: Path, port: int) -> subprocess.Popen[bytes]:
    settings = {
        "PREFECT_HOME": str(home),
        "PREFECT_API_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{home / 'prefect.db'}",
        "PREFECT_MEMO_STORE_PATH": str(home / "memo_store.toml"),
        "PREFECT_SERVER_UI_STATIC_DIRECTORY": str(home / "ui"),
        "PREFECT_SERVER_UI_API_URL": f"{address(port)}/api",
        "PREFECT_SERVER_LOGGING_LEVEL": "WARNING",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
    }
    environment = {name: value for name, value in os.environ.items() if name != "PREFECT_API_URL"}
    with (home / LOG).open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-P", str(Path(__file__).with_name("server_process.py")), str(port)],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env=environment | past_proxies() | settings,
        )
