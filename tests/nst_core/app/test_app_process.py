"""`nst app` as people start it: a process of its own, its client beside it; killed, and started again."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest
import yaml
from PIL import Image
from running_app import LONG, TINY, await_state, start, until

from flows.commands import app as app_command
from nst_core.errors import UsageError
from nst_core.run_folder.verify.verification import verify

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[3]
Make = Callable[..., Path]


@dataclass
class Trial:
    """A folder with a run file, and the processes that were started there."""

    folder: Path
    processes: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def output(self) -> Path:
        return self.folder / "outputs" / "app"

    def start(self, *options: object, **environment: str) -> tuple[str, subprocess.Popen[str]]:
        """The app on a free port: its address, once it answers, and its process."""
        log = self.folder / f"{len(self.processes)}.log"
        with log.open("w") as file:
            process = subprocess.Popen(
                [sys.executable, "-m", "flows", "app", "try.yaml", "--port", "0", *map(str, options)],
                cwd=self.folder,
                env=os.environ | environment,
                stderr=file,
                stdout=file,
                text=True,
            )
        self.processes.append(process)

        def answered() -> Any:
            assert process.poll() is None, log.read_text()
            return re.search(r"Open (http://\S+)/ ", log.read_text())

        return until(answered, 120)[1], process

    def logs(self) -> str:
        return "".join(path.read_text() for path in self.folder.glob("*.log"))

    def nst(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "flows", *map(str, arguments)]
        return subprocess.run(command, cwd=self.folder, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture
def trial(tmp_path: Path, make_image: Make) -> Iterator[Trial]:
    for name in ("content/bridge", "style/Ada/dawn", "photograph", "painting"):
        make_image(tmp_path / f"{name}.png", 50, 40, seed=len(name))
    write(tmp_path, TINY)
    found = Trial(tmp_path)
    yield found
    for process in found.processes:
        process.kill()
        process.wait()


def write(folder: Path, method: dict[str, Any]) -> None:
    run = {"content": "content", "style": "style", "method": method, "execution": {"devices": "cpu", "threads": 1}}
    (folder / "try.yaml").write_text(yaml.safe_dump(run))


def test_the_client_example_makes_a_picture_and_the_password_is_nowhere(trial: Trial) -> None:
    address, process = trial.start(NST_APP_PASSWORD="open sésame")
    client = [sys.executable, ROOT / "docs" / "app_client.py", "photograph.png", "painting.png", "result.jpg"]
    options = ["--server", address, "--size", "40"]

    def run(password: str) -> subprocess.CompletedProcess[str]:
        command = [*map(str, client), *options, "--password", password]
        return subprocess.run(command, cwd=trial.folder, capture_output=True, text=True, timeout=120, check=False)

    refused = run("close")
    assert refused.returncode == 1
    assert "asks for a password" in refused.stderr
    made = run("open sésame")
    assert made.returncode == 0, made.stderr
    assert Image.open(trial.folder / "result.jpg").size == (40, 32)
    assert "done: 4 of 4" in made.stderr
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    assert verify(trial.output).sound
    assert not (trial.output / ".uploads").exists()
    told = trial.logs() + (trial.output / "run.yaml").read_text()
    assert "sésame" not in told
    assert "b3BlbiBz" not in told  # its beginning in base64


def test_a_killed_server_starts_again_with_a_sound_folder(trial: Trial) -> None:
    write(trial.folder, LONG)
    address, process = trial.start()
    with httpx.Client(base_url=address, timeout=60, trust_env=False) as person:
        job = await_state(person, start(person), "running")
        until(lambda: person.get(f"/api/jobs/{job['id']}").json()["preview"])
        busy = trial.nst("app", "try.yaml", "--port", "0")
        assert busy.returncode == 2
        assert f"pid {process.pid}" in busy.stderr
    process.kill()
    process.wait()
    write(trial.folder, TINY)
    address, process = trial.start()
    rows = pd.read_parquet(trial.output / "results")
    assert list(zip(rows.status, rows.error_class, strict=True)) == [("failed", "Interrupted")]
    with httpx.Client(base_url=address, timeout=60, trust_env=False) as person:
        await_state(person, start(person), "done")
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0
    assert trial.nst("verify", trial.output).returncode == 0
    assert trial.nst("gallery", trial.output).returncode == 0
    assert "1 success" in trial.nst("status", trial.output).stdout
    refused = trial.nst("run", "try.yaml", "--set", "name=app")
    assert refused.returncode == 2
    assert "belongs to `nst app`" in refused.stderr


def test_other_machines_are_not_let_in_by_accident_and_a_taken_port_is_told(trial: Trial) -> None:
    refused = trial.nst("app", "--host", "0.0.0.0", "--port", "0")
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    assert "--no-password" in refused.stderr
    address, _ = trial.start()
    taken = trial.nst("app", "--port", address.rpartition(":")[2], "--output", "outputs/other")
    assert taken.returncode == 2
    assert "choose another --port" in taken.stderr
    assert not (trial.folder / "outputs" / "other").exists()


def test_without_its_packages_the_command_says_how_to_get_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app_command, "NEEDED", ("no_such_package",))
    with pytest.raises(UsageError, match=r"pip install 'nst-pipeline\[app\]'"):
        app_command.app()
