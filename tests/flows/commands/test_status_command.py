"""`nst status`, once and watching, as a person or a script meets it."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from flows.cli import app
from nst_core.run_folder.folder import RunFolder
from nst_core.run_folder.lock import record as lock_record
from nst_core.run_folder.lock.run_lock import RunLock, read_holders

WORKER = {"name": "worker 1", "chunk": "00000-00003", "pairs": 2, "seconds": 41}
PROGRESS = {"total": 12, "done": 6, "failed": 1, "rate": 0.25, "eta_seconds": 24, "workers": [WORKER]}


@pytest.fixture(autouse=True)
def _fast_heart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock_record, "BEAT_SECONDS", 0.02)


@contextlib.contextmanager
def working(folder: Path, **changes: Any) -> Iterator[RunLock]:
    """Hold a run folder as a run does that has told how far it is."""
    with RunFolder(folder).locked() as held:
        held.report(lambda: PROGRESS | changes)
        until = time.monotonic() + 10
        while read_holders(folder)[0].progress is None and time.monotonic() < until:
            time.sleep(0.01)
        yield held


def status(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["status", *map(str, arguments)])


def test_done_left_and_failed_by_reason(finished: Path) -> None:
    printed = status(finished).stdout
    assert "12 pairs: 6 success, 2 failed, 2 quarantined, 2 skipped" in printed
    assert "OutOfMemory: 2" in printed
    assert "2 left to do, 0 stale" in printed
    assert "Nobody works on it now" in printed


def test_who_works_how_fast_and_on_what(folder: Path) -> None:
    with working(folder) as held:
        printed = status(folder).stdout
    assert f"At work: {held.owner}\n" in printed
    assert "6 of 12 done, 0.25 images/s, about 24 s left" in printed
    assert "worker 1: chunk 00000-00003, 2 pairs, for 41 s" in printed


def test_a_run_that_tells_nothing_of_its_work_is_named_all_the_same(folder: Path) -> None:
    with RunFolder(folder).locked() as held:
        assert f"At work: {held.owner}\n" in status(folder).stdout


def test_a_script_reads_all_of_it(folder: Path) -> None:
    with working(folder) as held:
        answer = json.loads(status(folder, "--json").stdout)
    assert (answer["success"], answer["left"], answer["stale"]) == (6, 2, 0)
    assert (answer["rate"], answer["eta_seconds"]) == (0.25, 24.0)
    (present,) = answer["at_work"]
    assert (present["owner"]["pid"], present["progress"]["workers"]) == (held.owner.pid, [WORKER])
    idle = json.loads(status(folder, "--json").stdout)
    assert (idle["rate"], idle["at_work"], idle["killed"]) == (None, [], [])


def test_a_run_that_was_killed_is_named_with_what_to_do(folder: Path) -> None:
    script = (
        "import os, sys, pathlib\n"
        "from nst_core.run_folder.folder import RunFolder\n"
        "with RunFolder(pathlib.Path(sys.argv[1])).locked():\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    subprocess.run([sys.executable, "-c", script, folder], check=False)
    assert "Was killed before its end: pid" in status(folder).stdout
    assert len(json.loads(status(folder, "--json").stdout)["killed"]) == 1


def test_watching_ends_at_once_where_nobody_works(folder: Path) -> None:
    result = status(folder, "--watch", "--interval", 60)
    assert result.exit_code == 0
    assert "12 pairs: 6 success, 2 failed, 2 quarantined, 2 skipped, 2 left to do" in result.stdout
    assert "Nobody works on it now" in result.stdout


def test_watching_tells_what_is_new_until_the_run_has_ended(folder: Path) -> None:
    part = next((folder / "results").rglob("*.parquet"))
    data = part.read_bytes()
    part.unlink()
    watched: list[Result] = []
    with working(folder):
        watching = threading.Thread(target=lambda: watched.append(status(folder, "--watch", "--interval", 0.1)))
        watching.start()
        time.sleep(1)
        part.write_bytes(data)
        time.sleep(1)
    watching.join(20)
    lines = watched[0].stdout.splitlines()
    at_work = [line for line in lines if "0.25 images/s" in line]
    assert len(at_work) == 2, "one line as it was, and one once the part was there"
    assert "12 pairs: 6 success" in at_work[1]
    assert "12 pairs: 6 success" not in at_work[0]
    assert lines[-1] == "Nobody works on it now"


def test_watching_for_scripts_is_one_object_per_line(folder: Path) -> None:
    (line,) = status(folder, "--watch", "--json").stdout.splitlines()
    answer = json.loads(line)
    assert (answer["planned"], answer["success"], answer["left"], answer["at_work"]) == (12, 6, 2, [])


def test_on_a_terminal_it_is_one_picture_and_ctrl_c_ends_it_with_0(folder: Path) -> None:
    ours, theirs = pty.openpty()
    with working(folder):
        command = [sys.executable, "-m", "flows", "status", str(folder), "--watch", "--interval", "0.1"]
        process = subprocess.Popen(command, stdout=theirs, stderr=theirs, env={**os.environ, "TERM": "xterm"})
        os.close(theirs)
        shown = b""
        while b"worker 1" not in shown:
            shown += os.read(ours, 4096)
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(OSError):  # the end of a terminal reads as an error
            while data := os.read(ours, 4096):
                shown += data
        assert process.wait(20) == 0
    os.close(ours)
    assert b"Traceback" not in shown
    assert b"Error" not in shown
    assert b"\x1b[" in shown, "it draws over what it drew"


def test_a_folder_that_is_no_run_folder_is_refused(tmp_path: Path) -> None:
    for arguments in ([tmp_path], [tmp_path, "--watch"]):
        assert "is not a run folder" in str(status(*arguments).exception)
