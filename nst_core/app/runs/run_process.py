"""A run that the app has started: an ordinary `nst run`, in a session of its own, which the app's end does not end."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

from nst_core.errors import printable
from nst_core.storage.regular_files import open_regular

SECRETS = ("NST_APP_PASSWORD",)
"""Variables that a run does not inherit."""

ENDED_WELL = (0, 3, 130)
"""Exit codes of a run that went as far as it could, or was interrupted."""

LOG_BYTES, LOG_LINES = 8192, 12
"""How much of the end of a run's output is shown."""


class RunProcess:
    """The process of one run.

    Args:
        log: the file for what it prints, written anew.

    Attributes:
        has_worked: whether it was seen to hold its run folder.

    Raises:
        OSError: it cannot be started.
    """

    def __init__(self, command: Sequence[str], log: Path) -> None:
        self.log, self.has_worked = log, False
        environment = {name: value for name, value in os.environ.items() if name not in SECRETS}
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment | {"PYTHONUNBUFFERED": "1"},
                start_new_session=True,  # neither Ctrl-C in the app's terminal nor its end reaches it
            )
        with contextlib.suppress(OSError):  # where memory is short, the run goes, not the app
            Path(f"/proc/{self.pid}/oom_score_adj").write_text("500", encoding="ascii")

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def code(self) -> int | None:
        """The exit code; None while it runs."""
        return self._process.poll()

    def interrupt(self) -> None:
        """As Ctrl-C does."""
        self._process.send_signal(signal.SIGINT)  # nothing, once it has ended and was waited for

    @property
    def fault(self) -> str | None:
        """The sentence with which it ended, where it did not end well."""
        if self.code is None or self.code in ENDED_WELL:
            return None
        lines = log_lines(self.log)
        errors = [line.removeprefix("Error: ") for line in lines if line.startswith("Error: ")]
        return (errors or lines or [f"It ended with code {self.code}."])[-1]


def log_lines(log: Path) -> list[str]:
    """The last lines of what a run printed; none where there is no such file."""
    try:
        with open_regular(log, follow=False) as file:
            start = max(0, file.seek(0, os.SEEK_END) - LOG_BYTES)
            file.seek(start)
            text = file.read(LOG_BYTES).decode("utf-8", "replace")
    except OSError:
        return []
    lines = [printable(line.rstrip()) for line in text.splitlines()]
    return [line for line in lines[bool(start) :] if line][-LOG_LINES:]
