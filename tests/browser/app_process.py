"""`nst app` as a process of its own, over a folder of small pictures, for a browser to look at."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

METHOD = {"recipe": "wavelet", "size": 64, "evaluations": 60}
"""A few seconds of work on one core: long enough to be watched."""


@dataclass
class AppProcess:
    """A server on a free port of this machine.

    Attributes:
        folder: holds the run file, its pictures and the output.
    """

    folder: Path
    port: int = 0
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def output(self) -> Path:
        return self.folder / "outputs" / "app"

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def write(self, make_image: Callable[..., Path], **method: Any) -> None:
        """Two photographs; two paintings by Ada and one by Bo."""
        for number, name in enumerate(("bridge", "harbour")):
            make_image(self.folder / "content" / f"{name}.png", 160, 120, seed=number)
        for number, name in enumerate(("Ada/dawn", "Ada/dusk", "Bo/noon")):
            make_image(self.folder / "style" / f"{name}.png", 128, 128, seed=10 + number)
        run: dict[str, Any] = {"content": "content", "style": "style", "method": METHOD | method}
        run["execution"] = {"devices": "cpu", "threads": 1}
        (self.folder / "try.yaml").write_text(yaml.safe_dump(run))

    def start(self, *options: object) -> None:
        self.port = self.port or free_port()
        command = [sys.executable, "-m", "flows", "app", "try.yaml", "--port", self.port, "--output", self.output]
        with (self.folder / "app.log").open("ab") as log:
            self.process = subprocess.Popen(
                [str(part) for part in [*command, *options]], cwd=self.folder, stdout=log, stderr=log, env=os.environ
            )
        self._await_answer()

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(how)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def _await_answer(self, seconds: float = 240) -> None:
        assert self.process is not None
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.process.poll() is None:
            try:
                urllib.request.urlopen(f"{self.address}api/options", timeout=5).close()
                return
            except (urllib.error.URLError, OSError):
                time.sleep(0.2)
        raise AssertionError(f"nst app did not come up: {(self.folder / 'app.log').read_text()[-2000:]}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
