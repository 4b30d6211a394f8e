"""Prefect servers, workers and their runs as the tests of schedules see them: processes, an API, and /proc."""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import httpx
import yaml

T = TypeVar("T")

RUN_FILE = {
    "content": "content",
    "style": "style",
    "method": {"recipe": "wavelet", "size": 64, "evaluations": 4},
    "execution": {"devices": "cpu"},
    "output": {"format": "png"},
}


def photographs(folder: Path, make_image: Callable[..., Path], *numbers: int) -> None:
    for number in numbers:
        make_image(folder / "content" / f"{number}.png", 80, 64, seed=number)


def run_file(folder: Path, make_image: Callable[..., Path]) -> Path:
    """A small run file `photos.yaml` in `folder`, of two photographs and one painting, with paths relative to it."""
    photographs(folder, make_image, 1, 2)
    make_image(folder / "style" / "Ada" / "work.png", 72, 72, seed=9)
    path = folder / "photos.yaml"
    path.write_text(yaml.safe_dump(RUN_FILE))
    return path


def environment(**changes: str) -> dict[str, str]:
    """Ours, without settings of Prefect, and with the programs of this Python's environment first."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT", "NST_"))}
    path = os.pathsep.join([str(Path(sys.executable).parent), kept.get("PATH", "")])
    return kept | {"PATH": path, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"} | changes


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(what: str, look: Callable[[], T | None], seconds: float = 240) -> T:
    """What `look` gives, once it gives something."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if found := look():
                return found
        except httpx.TransportError:
            pass
        time.sleep(0.3)
    raise AssertionError(f"{what} did not come within {seconds:.0f} s")


class Api:
    """The API of a Prefect server."""

    def __init__(self, port: int) -> None:
        self.address = f"http://127.0.0.1:{port}"
        self._client = httpx.Client(base_url=f"{self.address}/api", trust_env=False, timeout=30)

    def healthy(self) -> bool:
        return self._client.get("/health").is_success

    def page(self) -> str:
        return self._client.get(self.address).text

    def filtered(self, what: str, **body: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._client.post(f"/{what}/filter", json=body).raise_for_status().json()
        return found

    def nightly_runs(self, *states: str) -> list[dict[str, Any]]:
        """Runs of the nightly flow in any of these states (by name), the first one first."""
        body = {
            "flows": {"name": {"any_": ["nst-nightly"]}},
            "flow_runs": {"state": {"name": {"any_": list(states)}}},
            "sort": "EXPECTED_START_TIME_ASC",
        }
        return self.filtered("flow_runs", **body)

    def cancel(self, run: dict[str, Any]) -> None:
        state = {"type": "CANCELLING", "name": "Cancelling"}
        self._client.post(f"/flow_runs/{run['id']}/set_state", json={"state": state}).raise_for_status()

    def log_of(self, run: dict[str, Any]) -> list[str]:
        return [line["message"] for line in self.filtered("logs", logs={"flow_run_id": {"any_": [run["id"]]}})]


def processes_with(marker: str) -> dict[int, str]:
    """Living processes by number whose environment holds `marker`, with their command lines (Linux)."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if marker.encode() in (folder / "environ").read_bytes():
                found[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
    return found
