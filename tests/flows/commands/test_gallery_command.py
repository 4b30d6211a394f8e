"""`nst gallery`: of one run, where it is; of several, where it is told to."""

from __future__ import annotations

from pathlib import Path

import pytest
from exhibits import Page, check_links, new_run, row, write_results

from flows.cli import app
from nst_core.errors import RunFolderError, UsageError


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
