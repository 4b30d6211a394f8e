"""A run's own Prefect server: a child process with a temporary database, started again where it dies."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from flows.progress import console
from flows.server.lifecycle import answers, end

MAX_STARTS = 3
"""Most tries to start a server; one may find its port taken since it was chosen."""

MAX_RESTARTS = 5
"""Most restarts of a server that died, within one run; after that the run goes on without one."""

STOP_TIMEOUT = 5.0
"""Seconds until a server that was asked to end is killed."""

_NEEDLESS = (
    "SCHEDULER",
    "LATE_RUNS",
    "FOREMAN",
    "PAUSE_EXPIRATIONS",
    "CANCELLATION_CLEANUP",
    "REPOSSESSOR",
    "TRIGGERS",
    "EVENT_PERSISTER",
)
"""Services for deployments, workers and automations, none of which a server has that lives for one run."""

SETTINGS = {
    "PREFECT_UI_ENABLED": "0",
    "PREFECT__SERVER_EPHEMERAL": "1",
    "PREFECT__SERVER_FINAL": "1",
    # Blocks are stored settings; to register their kinds takes most of a second, and runs use none.
    "PREFECT_API_BLOCKS_REGISTER_ON_START": "false",
    **{f"PREFECT_SERVER_SERVICES_{name}_ENABLED": "false" for name in _NEEDLESS},
}
"""Of the server's environment; Prefect's settings of this process go before."""


class ChildServer:
    """A server that ignores the terminal's Ctrl-C and never outlives this process.

    What Prefect has for this imports the whole server into this process, too, which takes seconds.

    Args:
        folder: of its database, which the server deletes when this process ends, even by SIGKILL.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._port = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def api_url(self) -> str:
        return f"http://127.0.0.1:{self._port}/api"

    def start(self, timeout: float) -> None:
        """Start the server and wait until it answers.

        Raises:
            OSError: there is no port or process for it.
            RuntimeError: it ended, or did not answer within `timeout` seconds.
        """
        deadline = time.monotonic() + timeout
        for _ in range(MAX_STARTS):
            self._port = _free_port()
            process = self._process = self._begin()
            if answers(process, self.api_url, deadline - time.monotonic()):
                return
            if process.poll() is None:
                raise RuntimeError(f"no answer within {timeout:.0f} seconds")
            self.stop()
        raise RuntimeError(f"it ended with code {process.returncode}")

    def stop(self) -> None:
        """End the server, if it runs."""
        process, self._process = self._process, None
        if process is not None:
            end(process, STOP_TIMEOUT)

    @contextlib.contextmanager
    def kept_alive(self) -> Iterator[None]:
        """Restart the server, on its port and with its database, if it dies within the block.

        Prefect's client tries again for a minute; the new server answers within seconds.
        """
        ended = threading.Event()

        def watch() -> None:
            restarts = 0
            while not ended.wait(0.5) and restarts < MAX_RESTARTS:
                if self._process is not None and self._process.poll() is not None:
                    restarts += 1
                    console.print("Prefect's server died: starting another")
                    self._process = self._begin()

        watcher = threading.Thread(target=watch, name="prefect server", daemon=True)
        watcher.start()
        try:
            yield
        finally:
            ended.set()
            watcher.join()

    def _begin(self) -> subprocess.Popen[bytes]:
        from prefect.settings import get_current_settings

        script = Path(__file__).with_name("server_process.py")
        return subprocess.Popen(
            [sys.executable, "-P", str(script), str(self._port), str(self.folder)],
            stdin=subprocess.PIPE,
            start_new_session=True,
            env={**os.environ, **SETTINGS, **get_current_settings().to_environment_variables(exclude_unset=True)},
        )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
