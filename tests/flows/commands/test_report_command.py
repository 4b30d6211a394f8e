"""`nst report` as a person or a script meets it: what it prints and writes, and its exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from flows.cli import app
from nst_core.errors import RunFolderError
from nst_core.run_folder.folder import RunFolder


def nst(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_the_page_is_written_into_the_run_and_its_place_is_said(folder: Path) -> None:
    result = nst("report", folder)
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "6 images of 12 planned; 2 failed, 2 quarantined, 2 left out on purpose.",
        f"Report: {folder / 'report' / 'index.html'}",
    ]
    assert "OutOfMemory" in (folder / "report" / "index.html").read_text(encoding="utf-8")


def test_a_price_is_told_only_where_one_is_given(folder: Path) -> None:
    page = folder / "report" / "index.html"
    nst("report", folder)
    assert "Price" not in page.read_text(encoding="utf-8")
    assert nst("report", folder, "--price-per-hour", 7200).exit_code == 0
    assert "Price" in page.read_text(encoding="utf-8")
    told = json.loads(nst("report", folder, "--json", "--price-per-gpu-hour", 2.5).stdout)
    assert told["cost"]["money"] == 0


def test_json_has_the_numbers_and_writes_nothing(folder: Path) -> None:
    told = json.loads(nst("report", folder, "--json").stdout)
    assert told["statuses"] == {"success": 6, "failed": 2, "quarantined": 2, "skipped": 2, "missing": 0}
    assert {reason["name"] for reason in told["reasons"]} == {"OutOfMemory", "NotAnImage", "DuplicateImage"}
    assert not (folder / "report").exists()


def test_json_against_itself_is_no_difference(folder: Path) -> None:
    against = json.loads(nst("report", folder, "--against", folder, "--json").stdout)["against"]
    assert (against["differs"], against["matched"], against["same_bytes"]) == ([], 12, 6)


def test_a_page_elsewhere_needs_no_hold_on_a_run_that_works(folder: Path, tmp_path: Path) -> None:
    with RunFolder(folder).locked():
        for usual in ((), ("-o", folder / "report")):
            assert isinstance(nst("report", folder, *usual).exception, RunFolderError)
        result = nst("report", folder, "--against", folder, "-o", tmp_path / "mine.html")
    assert result.exit_code == 0
    assert f"Against {folder}: No difference.\n" in result.stdout
    assert "No difference." in (tmp_path / "mine.html").read_text(encoding="utf-8")
    assert not (folder / "report").exists()


@pytest.mark.parametrize("more", [(), ("--json",)])
def test_what_is_no_run_folder_is_refused(tmp_path: Path, more: tuple[str, ...]) -> None:
    error = nst("report", tmp_path / "nothing", *more).exception
    assert isinstance(error, RunFolderError)
    assert error.exit_code == 2
    assert not (tmp_path / "nothing").exists()
