"""`nst serve`: a real server of its own, runs on schedule, and nothing that outlives it."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from server_trial import Api, environment, free_port, photographs, processes_with, run_file, wait_for
from webhook import SECRET, webhook

EVERY_FIVE_SECONDS = "* * * * * */5"
EVERY_MONTH = "0 0 1 * *"


class Served:
    """An `nst serve` in a process group of its own, as in a terminal."""

    def __init__(self, folder: Path, *arguments: str, **variables: str) -> None:
        self.port, self.home, self.log = free_port(), folder / "server", folder / "serve.log"
        self.marker = f"NST_TEST_MARKER={folder}"
        self.api = Api(self.port)
        command = ["nst", "serve", "photos.yaml", "--port", str(self.port), "--server-home", str(self.home), *arguments]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command,
                cwd=folder,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env=environment(NST_TEST_MARKER=str(folder), **variables),
            )

    def runs(self) -> list[int]:
        """The processes of flow runs."""
        return [number for number, command in processes_with(self.marker).items() if "spawn_main" in command]

    def end(self) -> None:
        for number in processes_with(self.marker):
            os.kill(number, signal.SIGKILL)
        self.process.wait()


@pytest.fixture
def serve(tmp_path: Path, make_image: Callable[..., Path]) -> Iterator[Callable[..., Served]]:
    run_file(tmp_path, make_image)
    started = []

    def start(*arguments: str, **variables: str) -> Served:
        started.append(Served(tmp_path, *arguments, **variables))
        return started[-1]

    yield start
    for served in started:
        served.end()


@pytest.mark.slow
def test_runs_fire_on_schedule_and_make_what_is_new_until_ctrl_c_ends_everything(
    serve: Callable[..., Served], tmp_path: Path, make_image: Callable[..., Path]
) -> None:
    with webhook() as hook:
        served = serve("--cron", EVERY_FIVE_SECONDS, NST_NOTIFY_URL=hook.url)
        first = wait_for("a first run", lambda: served.api.nightly_runs("Completed"))[0]
        assert "Stylizing: 2/2 images" in "\n".join(served.api.log_of(first))
        assert "<html" in served.api.page()
        photographs(tmp_path, make_image, 3, 4)
        images = tmp_path / "outputs" / "photos" / "images"
        wait_for("the new images", lambda: len(list(images.rglob("*.png"))) == 4)
        seen = {run["id"] for run in served.api.nightly_runs("Running")}
        wait_for("a run", lambda: [r for r in served.api.nightly_runs("Running") if r["id"] not in seen])
        for number in served.runs():
            os.kill(number, signal.SIGKILL)
        told = wait_for("word of the crash", lambda: [told for told in hook.told if told["state"] == "Crashed"])
        assert told[0]["flow"] == "nst-nightly"
        os.killpg(served.process.pid, signal.SIGINT)
        assert served.process.wait(90) == 0
        wait_for("the end of its last process", lambda: not processes_with(served.marker))
        assert (served.home / "prefect.db").is_file()
        printed = served.log.read_text()
        assert f"Prefect's pages: {served.api.address}" in printed
        assert "Traceback" not in printed
        assert SECRET not in printed


@pytest.mark.slow
def test_a_run_is_cancelled_without_a_word_and_nothing_outlives_a_kill(
    serve: Callable[..., Served], tmp_path: Path
) -> None:
    with webhook() as hook:
        endless = ("--set", "method.evaluations=1000000")
        served = serve("--cron", EVERY_FIVE_SECONDS, *endless, NST_NOTIFY_URL=hook.url)
        journals = tmp_path / "outputs" / "photos" / "logs"
        wait_for("a chunk", lambda: list(journals.glob("*.jsonl")))
        (run,) = served.api.nightly_runs("Running")
        served.api.cancel(run)
        wait_for("its end", lambda: run["id"] in {found["id"] for found in served.api.nightly_runs("Cancelled")})
        assert hook.told == []
        wait_for("another", lambda: served.api.nightly_runs("Running"))
        served.process.kill()
        served.process.wait()
        wait_for("the end of all its processes", lambda: not processes_with(served.marker), 120)


@pytest.mark.slow
def test_it_ends_with_an_error_when_its_server_does(serve: Callable[..., Served]) -> None:
    served = serve("--cron", EVERY_MONTH)
    wait_for("the server", lambda: served.api.filtered("deployments"))
    (server,) = [n for n, command in processes_with(served.marker).items() if "server_process.py" in command]
    os.kill(server, signal.SIGKILL)
    assert served.process.wait(120) == 1
    assert "Prefect's server ended by itself: run the same command again." in served.log.read_text()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--cron", "61 * * * *"], "'61 * * * *' is not a cron expression"),
        (["--cron", EVERY_MONTH, "--timezone", "Mars/Olympus"], "'Mars/Olympus' is not a time zone"),
        (["--cron", EVERY_MONTH, "--set", "method.sise=3"], "method.sise is not a known key"),
    ],
)
def test_what_is_wrong_is_said_before_anything_starts(
    serve: Callable[..., Served], arguments: list[str], sentence: str
) -> None:
    served = serve(*arguments)
    assert served.process.wait(120) == 2
    assert sentence in served.log.read_text()
    assert not served.home.exists()
