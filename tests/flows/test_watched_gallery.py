"""`nst gallery --watch` beside `nst run`, as processes of their own."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from exhibits import Page, check_links, new_run, row, write_results
from nst_trial import Trial

from nst_core.run_folder.folder import RunFolder
from nst_core.views.pages import build_pages

pytestmark = pytest.mark.slow


def wait_for(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 240
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)


def test_pictures_are_seen_before_the_run_ends_and_the_watch_ends_after_it(
    tmp_path: Path, api: str, make_image: Callable[..., Path]
) -> None:
    for number in range(8):
        make_image(tmp_path / "content" / f"{number}.png", 40, 32, seed=number)
    for number, artist in enumerate(("Ada", "Bo")):
        make_image(tmp_path / "style" / artist / "a.png", 40, 40, seed=100 + number)
    trial = Trial(tmp_path, os.environ | {"PREFECT_API_URL": api, "NST_FAULT_FILE": str(tmp_path / "gate")})
    trial.write(execution={"workers": 1, "batch_size": 1, "chunk_size": 2}, output={"gallery": True})
    run = trial.start("run", "trial.yaml", fault="gate:5")
    wait_for(lambda: len(list(trial.run_folder.glob("results/*/*.parquet"))) == 2)
    watch = trial.start("gallery", "outputs/trial", "--watch", "--every", "1")
    index = trial.run_folder / "gallery" / "index.html"
    wait_for(lambda: index.is_file() and "1 artist 4 pictures so far: the run goes on" in Page(index).text)
    assert run.poll() is None
    (tmp_path / "gate").touch()

    run_said, watch_said = run.communicate(timeout=300), watch.communicate(timeout=300)
    assert run.returncode == 0, run_said
    assert watch.returncode == 0, watch_said
    assert "The run has ended\nGallery: outputs/trial/gallery/index.html\n" in watch_said[0]
    assert "2 artists 16 pictures Contact sheet" in Page(index).text
    check_links(trial.run_folder / "gallery", trial.run_folder)
    report = build_pages([trial.run_folder])
    assert (report.rebuilt, report.pictures) == (0, 16)


def test_sigterm_ends_a_watch_between_two_builds(tmp_path: Path) -> None:
    run = new_run(tmp_path / "run")
    write_results(run, "x", [row(run, "a")])
    with RunFolder(run).locked():
        watch = Trial(tmp_path).start("gallery", run, "--watch")
        assert watch.stdout is not None
        assert "1 of 1 artists rebuilt, 1 new pictures, 1 in all" in watch.stdout.readline()
        watch.send_signal(signal.SIGTERM)
        _, said = watch.communicate(timeout=60)
    assert watch.returncode == 130
    assert said == "Error: Stopped as asked. What is finished is kept; the same command goes on from here.\n"
    assert build_pages([run]).rebuilt == 0
