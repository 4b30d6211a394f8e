"""What a run is called, wherever it is shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from nst_core.run_folder.folder import RunFolder
from nst_core.views.report.run_reader import read_run
from nst_core.views.runs import open_runs


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("config: {name: night}", "night"),
        ("name: night\nconfig: {name: day}", "night"),
        ("config: {name: ''}", "holiday"),
        ("{}", "holiday"),
        ("name: [", "holiday"),
        ("- a list", "holiday"),
        ("name: 2026-13-45", "holiday"),
        (None, "holiday"),
    ],
)
def test_a_run_goes_by_the_name_of_its_run_file_else_by_its_folder(tmp_path: Path, text: str | None, name: str) -> None:
    folder = tmp_path / "holiday"
    folder.mkdir()
    if text is not None:
        (folder / "run.yaml").write_text(text)
    assert RunFolder(folder).run_name == name
    assert [run.name for run in open_runs([folder])] == [name]
    if text is not None:
        assert read_run(folder).name == name
