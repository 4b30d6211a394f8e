"""What goes wrong while chunks are made, each as the policy says: real processes, the real engine, small images."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest
from needs import needs
from nst_trial import Trial

from nst_core.run_folder.journal import Journal

pytestmark = pytest.mark.slow

PROCESS = "execution.runner=process"


def trial_in(folder: Path, api: str, make_image: Callable[..., Path]) -> Trial:
    """64 contents in the style of one painter: 8 chunks of 4 batches."""
    for number in range(64):
        make_image(folder / "content" / f"{number:02}.png", 40, 32, seed=number)
    make_image(folder / "style" / "Ada" / "a.png", 40, 40, seed=100)
    trial = Trial(folder, os.environ | {"PREFECT_API_URL": api})
    trial.write()
    return trial


@pytest.fixture
def trial(tmp_path: Path, api: str, make_image: Callable[..., Path]) -> Trial:
    return trial_in(tmp_path, api, make_image)


def events(trial: Trial, chunk_id: str) -> list[str]:
    return [event.event for event in Journal(trial.run_folder, chunk_id).events()]


def all_events(trial: Trial) -> Counter[str]:
    return Counter(name for path in (trial.run_folder / "logs").iterdir() for name in events(trial, path.stem))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, api: str, make_image: Callable[..., Path]) -> dict[str, bytes]:
    """The images of such a run in which nothing goes wrong."""
    trial = trial_in(tmp_path_factory.mktemp("whole"), api, make_image)
    assert trial.run().returncode == 0
    return {Path(name).name: data for name, data in trial.images().items()}


def test_a_pair_that_kills_its_process_is_found_and_all_others_finish(trial: Trial, whole: dict[str, bytes]) -> None:
    process = trial.run(PROCESS, fault="kill:37.png")
    assert process.returncode == 3, process.stderr
    rows = trial.rows()
    assert Counter(rows.status) == {"success": 63, "quarantined": 1}
    [poison] = rows[rows.status == "quarantined"].itertuples()
    assert poison.error_class == "PoisonPair"
    assert "37.png" in poison.error_message
    assert "SIGKILL" in poison.error_message
    assert "37.png" in (trial.run_folder / "quarantine.csv").read_text()
    partner = rows[(rows.chunk_id == poison.chunk_id) & rows.file_name.isna()]
    same = {Path(name).name for name in rows.file_name.dropna()} - set(partner.index)
    images = {Path(name).name: data for name, data in trial.images().items()}
    changed = [name for name in same if images[name] != whole[name]]
    assert len(changed) <= 1, "only who shares its batch was made in another one"
    assert "quarantined" in events(trial, poison.chunk_id)
    again = trial.run(PROCESS)
    assert "Nothing was left to do" in again.stdout, "it is not tried again"


def test_in_threads_it_takes_the_run_down_and_the_next_one_finds_it(trial: Trial) -> None:
    assert trial.run(fault="abort:37.png").returncode < 0
    process = trial.run(fault="abort:37.png")
    assert process.returncode == 3, process.stderr
    rows = trial.rows()
    assert Counter(rows.status) == {"success": 63, "quarantined": 1}
    assert "SIGABRT" in rows[rows.status == "quarantined"].error_message.iloc[0]


def test_a_worker_that_is_killed_once_costs_nothing_but_its_chunk(
    trial: Trial, whole: dict[str, bytes], tmp_path: Path
) -> None:
    """As the kernel does it when memory runs out."""
    process = trial.run(PROCESS, fault="kill:37.png", NST_FAULT_ONCE=str(tmp_path / "happened"))
    assert process.returncode == 0, process.stderr
    made = {Path(name).name: data for name, data in trial.images().items()}
    assert made.keys() == whole.keys(), "nothing half-written remains of the one that was killed"
    assert [name for name in whole if made[name] != whole[name]] == []
    assert all_events(trial) == {"start": 9, "end": 8, "lost": 1}
    attempts = Counter(trial.rows().attempts)
    assert set(attempts) == {1, 2}
    assert attempts[2] <= 8


def test_after_a_cuda_error_a_chunk_is_tried_in_a_fresh_process(trial: Trial, tmp_path: Path) -> None:
    process = trial.run(fault="cuda:37.png", NST_FAULT_ONCE=str(tmp_path / "happened"))
    assert process.returncode == 0, process.stderr
    starts = [
        event.more["alone"]
        for path in (trial.run_folder / "logs").iterdir()
        for event in Journal(trial.run_folder, path.stem).events()
        if event.event == "start"
    ]
    assert Counter(starts) == {False: 8, True: 1}


def test_a_worker_that_hangs_is_killed_at_its_deadline(trial: Trial, tmp_path: Path) -> None:
    late = ["execution.chunk_deadline=1", PROCESS]
    process = trial.run(*late, fault="endless:", NST_FAULT_ONCE=str(tmp_path / "happened"), NST_FAULT_GRACE="3")
    assert process.returncode == 0, process.stderr
    assert all_events(trial)["lost"] == 1


def test_a_chunk_whose_picture_cannot_be_read_to_its_end_is_over_at_its_deadline(trial: Trial, tmp_path: Path) -> None:
    """The worker lives: it waits for no thread that reads."""
    late = ["execution.chunk_deadline=5", PROCESS]  # on a busy machine other chunks may take a second
    process = trial.run(*late, fault="hang:37.png", NST_FAULT_ONCE=str(tmp_path / "happened"), NST_FAULT_GRACE="3")
    assert process.returncode == 0, process.stderr
    events = all_events(trial)
    assert (events["failed"], events["lost"]) == (1, 0)


def test_where_memory_is_short_batches_get_smaller_and_all_succeed(trial: Trial) -> None:
    process = trial.run("execution.batch_size=8", fault="memory:2")
    assert process.returncode == 0, process.stderr
    assert Counter(trial.rows().status) == {"success": 64}


def test_where_not_even_one_pair_fits_it_says_so(trial: Trial) -> None:
    process = trial.run("execution.batch_size=8", fault="memory:0")
    assert process.returncode == 3
    rows = trial.rows()
    assert set(rows.error_class) == {"OutOfMemory"}
    assert rows.error_message.str.contains("set a smaller method.size").all()
    assert (rows.attempts == 1).all(), "trying again would give the same"


def test_a_content_deleted_during_the_run_is_quarantined(trial: Trial) -> None:
    gone = trial.folder / "content" / "63.png"
    process = trial.run("execution.workers=1", fault="delete:any", NST_FAULT_FILE=str(gone))
    assert process.returncode == 3, process.stderr
    rows = trial.rows()
    assert Counter(rows.status) == {"success": 63, "quarantined": 1}
    assert rows[rows.status == "quarantined"].error_class.tolist() == ["MissingImage"]


def test_an_io_error_that_stays_is_given_up_and_the_others_finish(trial: Trial) -> None:
    process = trial.run("execution.retries=1", fault="io:37.png")
    assert process.returncode == 3, process.stderr
    rows = trial.rows()
    failed = rows[rows.status == "failed"]
    assert failed.chunk_id.nunique() == 1
    assert (failed.attempts == 2).all()
    assert "given up" in events(trial, failed.chunk_id.iloc[0])


def test_a_clock_that_jumps_changes_nothing(trial: Trial, whole: dict[str, bytes], tmp_path: Path) -> None:
    """Two days back in the middle of the run, then nine days on, in all of its processes."""
    offset = tmp_path / "offset"
    options = ["execution.workers=1", "execution.chunk_size=2", PROCESS]
    settings = [part for option in options for part in ("--set", option)]
    process = trial.start("run", "trial.yaml", *settings, fault=f"clock:{offset}")
    for results, days in ((2, -2), (12, 9)):
        while len(list((trial.run_folder / "results").rglob("*.parquet"))) < results:
            assert process.poll() is None, process.communicate()
            time.sleep(0.02)
        offset.write_text(str(86_400 * days))
    _, stderr = process.communicate(timeout=300)
    assert process.returncode == 0, stderr
    made = {Path(name).name: data for name, data in trial.images().items()}
    assert [name for name in made.keys() | whole.keys() if made.get(name) != whole.get(name)] == []
    assert trial.rows().created_at.max() - trial.rows().created_at.min() > pd.Timedelta(days=10), "it did jump"
    assert "Nothing was left to do" in trial.run(*options).stdout


@pytest.fixture
def small_disk(trial: Trial) -> Iterator[Path]:
    """A disk of 700 kB as the place of the run folder; only root can mount one."""
    outputs = trial.folder / "outputs"
    outputs.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=700k", "tmpfs", outputs], capture_output=True)
    needs("a small disk", mounted.returncode == 0, f"root, and a kernel that mounts tmpfs ({mounted.stderr.decode()})")
    try:
        yield outputs
    finally:
        subprocess.run(["umount", "-l", outputs], check=True)


@pytest.mark.parametrize("runner", ["thread", "process"])
def test_a_full_disk_stops_the_run_cleanly_and_with_room_it_goes_on(
    trial: Trial, small_disk: Path, runner: str
) -> None:
    options = [f"execution.runner={runner}", "method.size=72", "output.size=original"]
    filler = small_disk / "filler"
    filler.write_bytes(b"0" * 500_000)
    process = trial.nst("run", "trial.yaml", "--force", *(part for o in options for part in ("--set", o)))
    assert process.returncode == 1, process.stdout
    assert "No space left" in process.stderr
    assert not list(small_disk.rglob("*.tmp~"))
    rows = trial.rows() if list((trial.run_folder / "results").rglob("*.parquet")) else []
    assert len(rows) < 64, "no row claims what was not written"
    filler.unlink()
    subprocess.run(["mount", "-o", "remount,size=20m", small_disk], check=True)
    finished = trial.run(*options)
    assert finished.returncode == 0, finished.stderr
    assert json.loads((trial.run_folder / "summary.json").read_text())["success"] == 64
