"""`nst sweep` as a person calls it: made, gone on with, extended; and what is refused before anything is written."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from nst_trial import Trial

from flows.cli import _guarded, app

OVER = ("--over", "method.beta=1,10", "--over", "method.style_scale=1,2")


@pytest.fixture
def trial(folders: Path) -> Trial:
    trial = Trial(folders)
    trial.write(pairing={"strategy": "grid"})
    return trial


@pytest.fixture
def served(trial: Trial, api: str) -> Trial:
    """The same at the session's Prefect server, which saves the start of one each time."""
    return replace(trial, environment=os.environ | {"PREFECT_API_URL": api})


def sweep(trial: Trial, *options: str, **more: Any) -> subprocess.CompletedProcess[str]:
    return trial.nst("sweep", "trial.yaml", *options, **more)


def variants(trial: Trial) -> list[Path]:
    return sorted((trial.folder / "outputs" / "trial-sweep" / "variants").iterdir())


def made_at(folder: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in folder.rglob("*.png")}


def page_data(trial: Trial) -> dict[str, Any]:
    text = (trial.folder / "outputs" / "trial-sweep" / "index.html").read_text("utf-8")
    found = re.search(r'<script type="application/json" id="sweep">(.*?)</script>', text, re.DOTALL)
    assert found
    told: dict[str, Any] = json.loads(found[1])
    return told


@pytest.mark.slow
def test_a_sweep_is_made_judged_shown_gone_on_with_and_extended(trial: Trial) -> None:
    done = sweep(trial, *OVER, "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert [one["made"] for one in told["variants"]] == [2, 2, 2, 2]
    assert told["judge"] == "vgg19"  # the wavelets made the pictures
    assert told["variants"][3]["set"] == "--set method.beta=10 --set method.style_scale=2"
    first = variants(trial)
    assert {str(path) for path in first} == {str(trial.folder / one["run_folder"]) for one in told["variants"]}
    for pair in page_data(trial)["pairs"]:
        assert all(
            {"cfsd", "ssim", "total_loss", "seconds"} <= picture["numbers"].keys() for picture in pair["pictures"]
        )
    contents = pd.concat(pd.read_parquet(path / "results") for path in first).groupby("content_path").size()
    assert contents.tolist() == [4, 4]  # two pairs, of different contents

    for command in ("verify", "status", "gallery"):
        assert trial.nst(command, first[0]).returncode == 0
    before = made_at(trial.folder / "outputs")
    again = sweep(trial, *OVER)
    assert (again.returncode, "0 made now" in again.stdout) == (0, True)
    assert "Prefect" not in again.stderr
    assert made_at(trial.folder / "outputs") == before

    more = sweep(trial, "--over", "method.style_scale=1,2", "--over", "method.beta=1,10,100")
    assert "12 of 12 pictures, 4 made now" in more.stdout
    assert before.items() <= made_at(trial.folder / "outputs").items()
    assert set(first) < set(variants(trial))
    assert [len(pair["pictures"]) for pair in page_data(trial)["pairs"]] == [6, 6]


@pytest.mark.slow
def test_after_ctrl_c_the_same_command_goes_on(trial: Trial, served: Trial) -> None:
    options = ("--set", "method.evaluations=60", "--set", "method.size=72")
    process = trial.start("sweep", "trial.yaml", *OVER, *options)
    folder, deadline = trial.folder / "outputs" / "trial-sweep" / "variants", time.monotonic() + 200
    while not list(folder.glob("*/images/**/*.png")) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=100)
    assert process.returncode == 130, err
    before = made_at(folder)
    assert 0 < len(before) < 8
    assert any(not one["file"] for pair in page_data(trial)["pairs"] for one in pair["pictures"])
    done = sweep(served, *OVER, *options)
    assert done.returncode == 0, done.stderr
    assert f"8 of 8 pictures, {8 - len(before)} made now" in done.stdout
    assert before.items() <= made_at(folder).items()


@pytest.mark.slow
def test_a_bad_picture_is_left_out_and_told(served: Trial) -> None:
    (served.folder / "content" / "a.png").write_bytes(b"no picture")
    done = sweep(served, "--over", "method.beta=1,10", "--only", "a--Ada_0", "--only", "b--Bo_0")
    assert done.returncode == 3, done.stderr
    assert "2 of 4 pictures" in done.stdout
    assert sum(bool(one["file"]) for pair in page_data(served)["pairs"] for one in pair["pictures"]) == 2


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        (["--over", "method.bta=1,2"], "did you mean 'beta'"),
        (["--over", "method.beta=1"], "has one value"),
        (["--over", "method.strength=0.2,1.5"], "method.strength is 1.5; it must be a number from 0 to 1"),
        (["--over", "method.strength=0.2,-1"], "method.strength is -1; it must be a number, 0 or more"),
        (["--over", "method.strength=0.2,strong"], "method.strength is 'strong'; it must be a number, 0 or more"),
        (["--over", "execution.devices=cpu,auto"], "can go over keys of `method`"),
        (["--over", f"method.beta={','.join(map(str, range(201)))}"], "--yes"),
        (["--over", "method.beta=1,2", "--only", "nobody"], "no pair has"),
        (["--over", "method.beta=1,2", "--judge", "nobody"], "There is no judge"),
        (["--over", "method.beta=1,2", "-o", "outputs/old"], "run folder"),
        ([], "--over"),
    ],
)
def test_what_is_wrong_is_told_before_anything_is_written(
    trial: Trial,
    options: list[str],
    fault: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    old = trial.folder / "outputs" / "old"
    old.mkdir(parents=True)
    (old / "run.yaml").write_text("config: {}\n")
    monkeypatch.chdir(trial.folder)
    assert _guarded(lambda: app(["sweep", "trial.yaml", *options], standalone_mode=False)) == 2
    told = capsys.readouterr().err
    assert "Traceback" not in told
    assert fault in " ".join(told.split())
    assert [path.name for path in (trial.folder / "outputs").rglob("*")] == ["old", "run.yaml"]
