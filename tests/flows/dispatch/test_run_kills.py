"""SIGKILL at random moments: of workers, of Prefect's server, of everything. What is there in the end is the same.

The moments are drawn anew each time; a failure names the seed, and `NST_KILL_SEED` repeats it.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from nst_trial import Trial

from nst_core.run_folder.journal import Journal

pytestmark = pytest.mark.slow

SEED = int(os.environ.get("NST_KILL_SEED") or time.time())
PAIRS, CHUNK, WORKERS = 48, 4, 2
VOLATILE = ["seconds", "attempts", "created_at", "peak_mem_mb"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, make_image: Callable[..., Path], caches: Path) -> Trial:
    """A run of 12 chunks that nobody kills."""
    folder = tmp_path_factory.mktemp("kills")
    for number in range(PAIRS):
        make_image(folder / "content" / f"{number:02}.png", 40, 32, seed=number)
    make_image(folder / "style" / "Ada" / "a.png", 40, 40, seed=100)
    make_image(folder / "style" / "Bo" / "b.png", 40, 40, seed=101)
    temporary = folder / "tmp"
    temporary.mkdir()
    trial = Trial(folder, os.environ | {"TMPDIR": str(temporary), "NST_KILL_MARK": str(folder)})
    trial.write(
        name="whole",
        pairing={"strategy": "random"},
        method={"recipe": "wavelet", "size": 32, "evaluations": 150},
        execution={"workers": WORKERS, "batch_size": 2, "chunk_size": CHUNK},
    )
    process = trial.run()
    assert process.returncode == 0, process.stderr
    return trial


def runs(trial: Trial, name: str, runner: str) -> subprocess.Popen[str]:
    return trial.start("run", "trial.yaml", "--set", f"name={name}", "--set", f"execution.runner={runner}")


def processes(trial: Trial, part: str = "") -> list[int]:
    """Ids of living processes that the trial started, whose command line holds `part`."""
    mark, found = f"NST_KILL_MARK={trial.environment['NST_KILL_MARK']}".encode(), []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (folder / "environ").read_bytes().split(b"\0"):
                command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                if part in command and command:
                    found.append(int(folder.name))
        except OSError:
            continue  # it ended meanwhile
    return found


def kill(pids: list[int]) -> None:
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def begun(folder: Path, process: subprocess.Popen[str]) -> None:
    """Until the run holds its folder."""
    deadline = time.monotonic() + 120
    while not (folder / "run.yaml").exists() and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def finished(process: subprocess.Popen[str]) -> None:
    _, stderr = process.communicate(timeout=300)
    assert process.returncode == 0, f"seed {SEED}: {stderr}"


def repeated(folder: Path) -> int:
    """How many pairs were begun again: by what the tries of all chunks asked for."""
    logs = [Journal(folder, path.stem).events() for path in (folder / "logs").glob("*.jsonl")]
    return sum(event.more["pairs"] for events in logs for event in events if event.event == "start") - PAIRS


def same_as_whole(trial: Trial, name: str) -> None:
    """Plan, rows and images are those of the uninterrupted run; nothing else is left, neither files nor processes."""
    one, other = (trial.folder / "outputs" / folder for folder in ("whole", name))
    plans = [pd.read_parquet(folder / "plan").drop(columns="fingerprint") for folder in (one, other)]
    pd.testing.assert_frame_equal(*plans)
    rows = [
        pd.read_parquet(folder / "results").drop(columns=VOLATILE).sort_values("pair_id", ignore_index=True)
        for folder in (one, other)
    ]
    pd.testing.assert_frame_equal(*rows)
    files = [
        {str(p.relative_to(folder)): p.read_bytes() for p in (folder / "images").rglob("*") if p.is_file()}
        for folder in (one, other)
    ]
    assert files[0] == files[1]
    assert not list(other.rglob("*.tmp~"))
    verified = trial.nst("verify", other)
    assert verified.returncode == 0, verified.stdout
    deadline = time.monotonic() + 10
    while left := processes(trial):
        assert time.monotonic() < deadline, left
        time.sleep(0.1)
    assert not list((trial.folder / "tmp").glob("nst-*")), "a database of Prefect's"


@pytest.mark.parametrize("runner", ["thread", "process"])
def test_everything_killed_again_and_again_nothing_is_lost(whole: Trial, runner: str) -> None:
    rng, name, kills = random.Random(f"{SEED} {runner}"), f"tree-{runner}", 0
    folder = whole.folder / "outputs" / name
    while kills < 3:
        process = runs(whole, name, runner)
        begun(folder, process)
        time.sleep(rng.uniform(0, 8))
        if process.poll() is not None:
            break  # it was done before
        kill(processes(whole))
        process.communicate()
        kills += 1
    finished(runs(whole, name, runner))
    same_as_whole(whole, name)
    assert kills >= 2, "the runs were over before they could be killed"
    assert repeated(folder) <= kills * WORKERS * CHUNK, f"seed {SEED}: more than one chunk per worker and kill"


def test_workers_killed_cost_a_chunk_each(whole: Trial) -> None:
    rng, folder, killed = random.Random(f"{SEED} workers"), whole.folder / "outputs" / "workers", 0
    process = runs(whole, "workers", "process")
    begun(folder, process)
    while process.poll() is None and killed < 6:
        time.sleep(rng.uniform(0.5, 6))
        if workers := processes(whole, "worker_process"):
            kill([rng.choice(workers)])
            killed += 1
    finished(process)
    same_as_whole(whole, "workers")
    assert killed >= 3
    assert repeated(folder) <= killed * CHUNK, f"seed {SEED}: more than one chunk per kill"


def test_a_run_ends_as_ever_though_prefect_is_gone_for_good(whole: Trial) -> None:
    """Nothing replaces the server, and its client does not insist: the work needs neither."""
    folder = whole.folder / "outputs" / "alone"
    options = ["--set", "name=alone", "--set", "output.gallery=true"]
    process = whole.start("run", "trial.yaml", *options, fault="no-server:", PREFECT_CLIENT_MAX_RETRIES="0")
    begun(folder, process)
    while not list(folder.glob("results/*/*.parquet")):
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    kill(processes(whole, "server_process"))
    _, stderr = process.communicate(timeout=300)
    assert process.returncode == 0, stderr
    assert "Prefect does not answer" in stderr
    assert (folder / "gallery" / "index.html").is_file()
    same_as_whole(whole, "alone")
    assert repeated(folder) == 0


@pytest.mark.parametrize("runner", ["thread", "process"])
def test_prefects_server_killed_costs_nothing(whole: Trial, runner: str) -> None:
    rng, name, killed = random.Random(f"{SEED} server {runner}"), f"server-{runner}", 0
    folder = whole.folder / "outputs" / name
    process = runs(whole, name, runner)
    begun(folder, process)
    while process.poll() is None and killed < 3:
        time.sleep(rng.uniform(0.5, 4))
        if servers := processes(whole, "server_process"):
            kill(servers)
            killed += 1
            time.sleep(6)  # until the next one answers
    finished(process)
    same_as_whole(whole, name)
    assert killed >= 1
    assert repeated(folder) == 0, f"seed {SEED}"
