"""Runs started, paused and resumed by the app, with a stand-in for `nst run` that holds the run folder's lock."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from running_app import until

from nst_core.app.limits import Limits
from nst_core.app.request_errors import RequestError
from nst_core.app.runs import run_control
from nst_core.app.runs.run_control import RunControl
from nst_core.app.runs.run_file_rules import RunFileRules
from nst_core.app.runs.run_json import run_json
from nst_core.app.runs.settings import RunSettings
from nst_core.app.runs.watched_runs import WatchedRuns
from nst_core.config.execution import Execution
from nst_core.errors import RunFolderError
from nst_core.run_folder.lock.interruption import interrupt_holder
from nst_core.run_folder.lock.record import Owner
from nst_core.run_folder.lock.run_lock import Holder

WORKING = Path(__file__).with_name("working_run.py")
RUN_FILE = b"method: {recipe: wavelet, size: 64}\n"


@pytest.fixture
def control(tmp_path: Path) -> Iterator[RunControl]:
    made = control_of(tmp_path / "outputs", files=(tmp_path / "files",))
    yield made
    end_all(made)


def control_of(folder: Path, **settings: Any) -> RunControl:
    found = RunSettings(folder, (sys.executable, "-S", str(WORKING)), **settings)
    return RunControl(found, RunFileRules(found, Limits(), Execution()), WatchedRuns(folder, folder / "app"))


def end_all(control: RunControl) -> None:
    for run in control.runs():
        if (process := control.process(run)) is not None and process.code is None:
            os.kill(process.pid, signal.SIGKILL)
            until(lambda ended=process: ended.code is not None)


def state(control: RunControl, name: str) -> str:
    return str(run_json(control.find(name), control)["state"])


def await_holder(control: RunControl, name: str) -> None:
    until(lambda: control.find(name).read(anew=True).present)


def refused(call: Callable[[], object], status: int = 409) -> str:
    with pytest.raises(RequestError) as caught:
        call()
    assert caught.value.status == status
    return str(caught.value)


def test_a_run_is_started_paused_and_resumed(control: RunControl, tmp_path: Path) -> None:
    control.start_uploaded(RUN_FILE, "holiday.yaml")
    assert state(control, "holiday") == "starting"
    await_holder(control, "holiday")
    until(lambda: run_json(control.find("holiday"), control)["printed"])
    shown = run_json(control.find("holiday"), control)
    assert (shown["rate"], shown["eta_seconds"], shown["printed"]) == (0.5, 12.0, ["at work"])
    assert (shown["can_pause"], shown["can_resume"]) == (True, False)
    assert "is at work already" in refused(lambda: control.resume(control.find("holiday")))
    control.pause(control.find("holiday"))
    assert state(control, "holiday") == "pausing"
    assert "is being paused already" in refused(lambda: control.pause(control.find("holiday")))
    assert "is being paused already" in refused(lambda: control.pause(control.find("holiday"), at_once=True))
    process = control.process(control.find("holiday"))
    assert process is not None
    assert until(lambda: process.code) == 130
    run = control.find("holiday").read(anew=True)
    shown = run_json(run, control)
    assert (shown["can_pause"], shown["can_resume"], shown["fault"]) == (False, True, None)
    assert "Nobody works" in refused(lambda: control.pause(run))
    control.resume(run)
    await_holder(control, "holiday")
    twice = json.dumps(["--max-pairs", "10000"]) + "\n"
    until(lambda: (run.folder / "starts").read_text() == 2 * twice)


def test_a_run_is_no_part_of_the_app_and_knows_no_password(
    control: RunControl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NST_APP_PASSWORD", "open sesame")
    process = control.process(control.start_uploaded(RUN_FILE, "apart.yaml"))
    assert process is not None
    assert os.getsid(process.pid) == process.pid, "no Ctrl-C, and no hang-up, of the app's terminal reaches it"
    await_holder(control, "apart")
    assert b"sesame" not in Path(f"/proc/{process.pid}/environ").read_bytes()


def test_two_who_ask_at_once_start_one_run(control: RunControl, tmp_path: Path) -> None:
    answers: list[str] = []

    def ask() -> None:
        try:
            control.start_uploaded(RUN_FILE, "same.yaml")
            answers.append("started")
        except RequestError as error:
            answers.append(str(error))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer == "started" for answer in answers) == [False, False, False, True]
    await_holder(control, "same")
    assert len((tmp_path / "outputs" / "same" / "starts").read_text().splitlines()) == 1
    assert "There is same already" in refused(lambda: control.start_uploaded(RUN_FILE, "same.yaml"))
    assert "same is at work, and no more than 1" in refused(lambda: control.start_uploaded(RUN_FILE, "other.yaml"))


def test_a_run_from_the_command_line_is_paused_and_not_started_twice(control: RunControl, tmp_path: Path) -> None:
    file = tmp_path / "files" / "mine.yaml"
    file.parent.mkdir()
    file.write_text(json.dumps({"name": "mine", "output": {"root": str(tmp_path / "outputs")}}))
    outside = tmp_path / "files" / "outside.yaml"
    outside.write_text(json.dumps({"output": {"root": str(tmp_path / "elsewhere")}}))
    assert "writes elsewhere" in refused(lambda: control.start_chosen("outside.yaml"), 422)
    assert "no such run file" in refused(lambda: control.start_chosen("../mine.yaml"), 404)
    process = subprocess.Popen([sys.executable, "-S", WORKING, file])
    try:
        until(lambda: (tmp_path / "outputs" / "mine" / "run.yaml").exists())
        assert "is at work already" in refused(lambda: control.start_chosen("mine.yaml"))
        control.pause(control.find("mine"))
        assert process.wait(20) == 130
    finally:
        process.kill()
        process.wait()
    control.resume(control.find("mine"))  # by the run file that can be chosen
    until(lambda: (tmp_path / "outputs" / "mine" / "starts").read_text().splitlines() == ["[]", "[]"])


def test_what_could_not_begin_is_told(control: RunControl, tmp_path: Path) -> None:
    control.start_uploaded(RUN_FILE, "refuse.yaml")
    shown = until(lambda: (told := run_json(control.find("refuse"), control))["state"] == "refused" and told)
    assert shown["fault"] == "There is no such thing."
    assert shown["can_resume"]
    assert not (tmp_path / "outputs" / "refuse").exists()


def test_an_upload_takes_no_folder_that_is_there(control: RunControl, tmp_path: Path) -> None:
    (tmp_path / "outputs" / "notes").mkdir(parents=True)
    (tmp_path / "outputs" / "link").symlink_to(tmp_path)
    for name in ("notes", "link"):
        assert "already" in refused(lambda: control.start_uploaded(RUN_FILE, f"{name}.yaml"))  # noqa: B023
    assert control.runs() == []


def test_a_run_that_reads_elsewhere_is_not_resumed_from_here(control: RunControl, tmp_path: Path) -> None:
    folder = tmp_path / "outputs" / "foreign"
    folder.mkdir(parents=True)
    (folder / "run.yaml").write_text("config: {content: {source: folder, path: /etc}, method: {recipe: wavelet}}\n")
    sentence = refused(lambda: control.resume(control.find("foreign")))
    assert "content.path is '/etc'" in sentence
    assert "`nst run`" in sentence
    assert control.process(control.find(folder.name)) is None


def test_a_run_of_before_is_resumed_by_what_its_folder_says(control: RunControl, tmp_path: Path) -> None:
    folder = tmp_path / "outputs" / "old"
    folder.mkdir(parents=True)
    config = {"name": "was-called-so", "content": {"source": "sample"}, "method": {"recipe": "wavelet", "size": 64},
              "execution": {"devices": [0, 1]}, "output": {"root": "/gone"}}  # fmt: skip
    (folder / "run.yaml").write_text(json.dumps({"config": config}))
    control.resume(control.find("old"))
    await_holder(control, "old")
    written = json.loads((tmp_path / "outputs" / ".app-runs" / "old.resumed.yaml").read_text())
    assert (written["name"], written["output"]["root"]) == ("old", str(tmp_path / "outputs"))
    assert written["execution"]["devices"] == "auto", "the app's own"
    assert written["method"] == {"recipe": "wavelet", "size": 64}


def test_the_apps_own_folder_hidden_ones_and_links_are_no_runs(control: RunControl, tmp_path: Path) -> None:
    for name in ("app", "one", ".hidden", "sweep/variants/beta-1", "other-app"):
        (tmp_path / "outputs" / name).mkdir(parents=True)
        (tmp_path / "outputs" / name / "run.yaml").write_text("config: {}\n")
    (tmp_path / "outputs" / "other-app" / "run.yaml").write_text("config: {}\nmethods: {}\n")
    (tmp_path / "outputs" / "link").symlink_to(tmp_path / "outputs" / "one")
    assert {run.id for run in control.runs()} == {"one", "sweep~beta-1"}
    for identity in ("app", "..", "../outputs/one", ".hidden", "link"):
        refused(lambda: control.find(identity), 404)  # noqa: B023


def test_a_run_that_does_not_end_is_ended_at_once(control: RunControl, monkeypatch: pytest.MonkeyPatch) -> None:
    control.start_uploaded(RUN_FILE, "slow.yaml")
    await_holder(control, "slow")
    assert "is not being paused" in refused(lambda: control.pause(control.find("slow"), at_once=True))
    monkeypatch.setattr(run_control, "PATIENCE", 0.0)
    folder = control.pause(control.find("slow")).folder
    until(lambda: (folder / "interrupted").exists())
    control.pause(control.find("slow"), at_once=True)
    process = control.process(control.find(folder.name))
    assert process is not None
    assert until(lambda: process.code) != 0


def test_only_the_process_that_has_the_lock_open_is_signalled(tmp_path: Path) -> None:
    (tmp_path / ".lock").touch()
    bystander = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(60)"])
    try:
        owner = Owner.this_process()
        stale = Holder(None, Owner(owner.host, owner.boot, bystander.pid, "", "t"), 1, None, True, 0.0)
        with pytest.raises(RunFolderError, match="Nobody works"):
            interrupt_holder(tmp_path, stale)
        elsewhere = Holder(None, Owner("moon", "", 1, "", "t"), 1, None, None, None)
        with pytest.raises(RunFolderError, match="moon"):
            interrupt_holder(tmp_path, elsewhere)
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()
