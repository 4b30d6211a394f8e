"""`nst gallery`: of one run, where it is; of several, where it is told to."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from exhibits import Page, check_links, new_run, row, write_results
from typer.testing import CliRunner, Result

from flows.cli import app
from flows.commands import gallery as command
from nst_core.errors import RunFolderError, UsageError
from nst_core.run_folder.folder import RunFolder


@pytest.fixture
def runs(tmp_path: Path) -> list[str]:
    runs = [new_run(tmp_path / name, name) for name in ("one", "two")]
    for run in runs:
        write_results(run, "x", [row(run, "a")])
    return [str(run) for run in runs]


def gallery(*arguments: str) -> None:
    app(["gallery", *arguments], standalone_mode=False)


def test_of_one_run_it_lies_in_the_run_folder(runs: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    gallery(runs[0])
    assert f"Gallery: {runs[0]}/gallery/index.html" in capsys.readouterr().out
    check_links(Path(runs[0]) / "gallery", Path(runs[0]))


def test_of_several_runs_it_lies_where_it_is_told_to(runs: list[str], tmp_path: Path) -> None:
    gallery(*runs, "-o", str(tmp_path / "both"))
    assert "one, two 1 artist 2 pictures" in Page(tmp_path / "both" / "index.html").text
    check_links(tmp_path / "both", tmp_path / "both")
    gallery(*runs, "-o", str(tmp_path / "led"), "--no-copy")
    assert not (tmp_path / "led" / "originals").exists()
    check_links(tmp_path / "led", tmp_path)


def test_of_several_runs_it_needs_a_place(runs: list[str]) -> None:
    with pytest.raises(UsageError, match="-o DIR"):
        gallery(*runs)


def test_a_folder_that_is_no_run_is_refused(runs: list[str], tmp_path: Path) -> None:
    with pytest.raises(RunFolderError):
        gallery(runs[0], str(tmp_path / "nowhere"), "-o", str(tmp_path / "both"))


def test_where_it_must_not_lie_nothing_is_written(runs: list[str]) -> None:
    before = {path for run in runs for path in Path(run).rglob("*")}
    with pytest.raises(UsageError, match="choose a place outside"):
        gallery(*runs, "-o", f"{runs[0]}/both")
    assert {path for run in runs for path in Path(run).rglob("*")} == before


def test_while_a_run_works_it_is_built_and_says_so(runs: list[str]) -> None:
    with RunFolder(Path(runs[0])).locked():
        gallery(runs[0])
        assert "so far" in Page(Path(runs[0]) / "gallery" / "index.html").text
    gallery(runs[0])
    assert "so far" not in Page(Path(runs[0]) / "gallery" / "index.html").text


def test_watching_tells_each_build_in_a_line_and_ends_after_the_run(
    runs: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nst_core.views.gallery_watch.REST", 0.0)
    monkeypatch.setattr(command, "EVERY", 0.05)
    run, watched = Path(runs[0]), list[Result]()
    with RunFolder(run).locked():
        watching = threading.Thread(
            target=lambda: watched.append(CliRunner().invoke(app, ["gallery", "--watch", runs[0]]))
        )
        watching.start()
        wait_for(lambda: (run / "gallery" / "index.html").is_file())
        write_results(run, "x", [row(run, "b"), row(run, "c")], part="1")
        wait_for(lambda: "3 pictures" in Page(run / "gallery" / "index.html").text)
    watching.join(60)
    lines = [line.partition(" (")[0] for line in watched[0].stdout.splitlines()]
    assert [line[9:] for line in lines[:3]] == [
        "1 of 1 artists rebuilt, 1 new pictures, 1 in all",
        "1 of 1 artists rebuilt, 2 new pictures, 3 in all",
        "Index brought up to date, 3 pictures",
    ]
    assert lines[3:] == ["The run has ended", f"Gallery: {run}/gallery/index.html"]
    assert watched[0].exit_code == 0


def wait_for(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)


def test_where_nobody_works_watching_ends_after_one_build(runs: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    gallery(runs[0], "--watch")
    assert "Nobody works there now, so there was nothing to watch\nGallery: " in capsys.readouterr().out


def test_how_often_to_look_needs_a_watch(runs: list[str]) -> None:
    with pytest.raises(UsageError, match="--every says how often --watch looks"):
        gallery(runs[0], "--every", "5")
