"""Where a report goes, and what it must not take the place of."""

from __future__ import annotations

from pathlib import Path

import pytest
from exhibits import files
from shown import done, write

from nst_core.errors import UsageError
from nst_core.views.pages import build_pages
from nst_core.views.report import build_report
from nst_core.views.report.destination import MARK, destination_of


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run with a gallery."""
    run = write(tmp_path / "run", [done(tmp_path / "run", name) for name in "abc"])
    build_pages([run])
    return run


@pytest.mark.parametrize(
    "output",
    ["", "gallery", "gallery/index.html", "images", "mine", "mine.html", "report/mine", "gallery/../mine"],
)
def test_into_a_run_folder_goes_nothing_but_its_own_report(run: Path, output: str) -> None:
    before = files(run)
    with pytest.raises(UsageError, match="choose a place outside of it"):
        build_report(run, output=run / output)
    assert files(run) == before


def test_other_runs_are_as_safe_even_those_that_it_compares_with(run: Path, tmp_path: Path) -> None:
    other = write(tmp_path / "other", [done(tmp_path / "other", "a")])
    with pytest.raises(UsageError, match="is a run folder"):
        build_report(run, against=other, output=other)
    (other / "plan").mkdir()
    (other / "plan" / "part-00000.parquet").touch()
    with pytest.raises(UsageError, match="lies in the run folder"):
        build_report(run, output=other / "report")


def test_a_link_into_a_run_folder_is_no_way_around(run: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(run / "gallery")
    with pytest.raises(UsageError, match="lies in the run folder"):
        build_report(run, output=tmp_path / "link")


@pytest.mark.parametrize("output", ["both", "both/index.html"])
def test_a_gallery_of_its_own_place_stays(run: Path, tmp_path: Path, output: str) -> None:
    build_pages([run], tmp_path / "both", copy=True)
    before = files(tmp_path / "both")
    with pytest.raises(UsageError, match="is not a report's page"):
        build_report(run, output=tmp_path / output)
    assert files(tmp_path / "both") == before


def test_thumbnails_of_a_gallery_beside_the_report_stay(run: Path, tmp_path: Path) -> None:
    build_pages([run], tmp_path / "both", copy=True)
    thumbnails = files(tmp_path / "both" / "thumbs")
    (tmp_path / "both" / "index.html").unlink()
    build_report(run, output=tmp_path / "both")
    assert files(tmp_path / "both" / "thumbs") == thumbnails


def test_a_report_takes_the_place_of_a_report_and_of_nothing_else(run: Path, tmp_path: Path) -> None:
    for output in (tmp_path / "out", tmp_path / "one.html"):
        assert MARK in build_report(run, output=output).page.read_text("utf-8")
        build_report(run, output=output)
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "report.md").write_text("mine")
    (tmp_path / "folder.html").mkdir()
    (tmp_path / "a file").touch()
    for name, told in (("notes", "would be lost"), ("folder.html", "cannot be a file"), ("a file", "cannot be a file")):
        with pytest.raises(UsageError, match=told):
            build_report(run, output=tmp_path / name)
    assert (tmp_path / "notes" / "report.md").read_text() == "mine"


def test_the_usual_place_may_be_named(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(run.parent)
    assert build_report(run, output=Path("run/gallery/../report")).page == run / "report" / "index.html"
    assert "The gallery of this run" in (run / "report" / "index.html").read_text("utf-8")


def test_beside_a_run_file_there_is_room(run: Path, tmp_path: Path) -> None:
    (tmp_path / "run.yaml").write_text("content: photos\n")
    assert build_report(run, output=tmp_path / "out").page.is_file()


def test_at_a_store_the_same_holds(memory: Path) -> None:
    run = memory / "run"
    (run / "run.yaml").write_bytes(b"{}")
    for output in (run, run / "gallery", run / "one.html"):
        with pytest.raises(UsageError, match="run folder"):
            destination_of(run, output)
    assert destination_of(run, run / "report").at_home
    (memory / "site" / "index.html").write_bytes(b"<!doctype html>")
    with pytest.raises(UsageError, match="not a report's page"):
        destination_of(run, memory / "site")
    assert destination_of(run, memory / "elsewhere").page == memory / "elsewhere" / "index.html"
