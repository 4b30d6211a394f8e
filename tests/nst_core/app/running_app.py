"""A real server on a free port of this machine, in a thread of the test's process, and somebody who asks it."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from nst_core.app.limits import Limits, with_limits
from nst_core.app.runs.settings import RunSettings
from nst_core.app.server import Server, ServerAddress, app_context
from nst_core.config.run_config import RunConfig, parse_config

TINY = {"recipe": "wavelet", "size": 32, "evaluations": 4}
LONG = {"recipe": "wavelet", "size": 48, "evaluations": 20_000}
"""Hours of work: what is cancelled, stopped or killed."""

FINAL = ("done", "failed", "cancelled")


@dataclass
class Running:
    """A server that answers at `url`; `context` is what stands behind it."""

    url: str
    root: Path
    server: Server
    people: list[httpx.Client] = field(default_factory=list)

    def person(self, **options: Any) -> httpx.Client:
        """Somebody new, without cookies."""
        self.people.append(httpx.Client(base_url=self.url, timeout=60, trust_env=False, **options))
        return self.people[-1]


def run_config(folder: Path, make_image: Callable[..., Path], **sections: Any) -> RunConfig:
    """Two photographs (one with a label), and paintings: two by Ada, one by Bo."""
    for number, name in enumerate(("bridge", "cats/kitten")):
        make_image(folder / "content" / f"{name}.png", 60, 48, seed=number)
    for number, name in enumerate(("Ada/dawn", "Ada/dusk", "Bo/noon")):
        make_image(folder / "style" / f"{name}.png", 48, 48, seed=10 + number)
    data = {
        "content": str(folder / "content"),
        "style": str(folder / "style"),
        "method": TINY,
        "execution": {"devices": "cpu", "threads": 1},
        "output": {"root": str(folder / "outputs")},
        "name": "app",
    }
    return parse_config(data | sections)


@contextlib.contextmanager
def running(
    config: RunConfig,
    limits: Limits | None = None,
    address: ServerAddress | None = None,
    runs: RunSettings | None = None,
) -> Iterator[Running]:
    """The app while it answers."""
    limits, address = limits or Limits(), address or ServerAddress(port=0)
    config = with_limits(config, limits)
    with address.listen() as listening, app_context(config, limits, print, runs) as context:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        found = Running(url, config.run_folder, Server(context, address.rules(limits)))
        thread = threading.Thread(target=found.server.run, args=([listening],))
        thread.start()
        try:
            until(lambda: found.server.started)
            yield found
        finally:
            for person in found.people:
                person.close()
            found.server.should_exit = True
            thread.join()


def until(true: Callable[[], Any], seconds: float = 60) -> Any:
    """Wait until `true` is; what it says."""
    end = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)
    return found


def png(make_image: Callable[..., Path], folder: Path, seed: int = 1, name: str = "picture.png") -> tuple[str, bytes]:
    """A file to upload: its name and its bytes."""
    return name, make_image(folder / f"{seed}.png", 50, 40, seed=seed).read_bytes()


def upload(person: httpx.Client, file: tuple[str, bytes]) -> str:
    answer = person.post("/api/uploads", files={"file": file})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def pick(person: httpx.Client, what: str = "contents", number: int = 0) -> dict[str, str]:
    """A picture of the collection, as a job names it."""
    return {"id": person.get(f"/api/{what}").json()["items"][number]["id"]}


def start(person: httpx.Client, **asked: Any) -> dict[str, Any]:
    """A job of pictures of the collection, unless `asked` names others."""
    asked = {"content": pick(person), "style": pick(person, "styles")} | asked
    answer = person.post("/api/jobs", json=asked)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def await_state(person: httpx.Client, job: dict[str, Any], *states: str, seconds: float = 60) -> dict[str, Any]:
    """The job, once it is in one of these states."""

    def found() -> Any:
        told = person.get(f"/api/jobs/{job['id']}").json()
        assert told["state"] in states or told["state"] not in FINAL, told
        return told if told["state"] in states else None

    return dict(until(found, seconds))
