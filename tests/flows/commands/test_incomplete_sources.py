"""Commands over sources of which something is left out: all of it is told, and an unreadable folder is exit code 3."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from flows.cli import app
from flows.commands import run as commands
from nst_core.run_folder.plan_table import Plan
from nst_core.run_folder.summary import RunReport, summarize


@pytest.fixture
def run_file(tmp_path: Path, make_image: Callable[..., Path], unlistable: Callable[[Path], Path]) -> Path:
    """A run over one photograph and one painting, with a folder that nobody may list."""
    make_image(tmp_path / "photos" / "a.png", 40, 32)
    make_image(tmp_path / "art" / "Ada" / "s.png", 40, 32, seed=1)
    (tmp_path / "photos" / "Thumbs.db").write_bytes(b"x")
    unlistable(tmp_path / "photos" / "closed")
    path = tmp_path / "run.yaml"
    path.write_text(
        f"content: {tmp_path / 'photos'}\nstyle: {tmp_path / 'art'}\nmethod: {{recipe: wavelet, size: 32}}\n"
        f"execution: {{devices: cpu}}\noutput: {{root: {tmp_path / 'outputs'}}}\n"
    )
    return path


def nst(*arguments: object) -> Result:
    return CliRunner().invoke(app, list(map(str, arguments)))


def open_up(run_file: Path) -> None:
    (run_file.parent / "photos" / "closed").rmdir()


def test_plan_counts_what_is_left_out(run_file: Path) -> None:
    found = nst("plan", run_file, "--json")
    told = json.loads(found.stdout)
    assert found.exit_code == 3
    assert (told["pairs"], told["files_left_out"]) == (
        1, {"content": {"system": 1, "unreadable folders": 1}, "style": {}}
    )  # fmt: skip
    assert [note.partition(":")[0] for note in told["notes"][:1]] == ["Left out of content"]
    assert told["unreadable"] == [told["notes"][1]]
    open_up(run_file)
    found = nst("plan", run_file)
    assert found.exit_code == 0
    assert "Left out of content: 1 file that systems keep for themselves (Thumbs.db 1)." in " ".join(
        found.output.split()
    )


def test_pair_writes_the_pairs_that_it_can(run_file: Path, tmp_path: Path) -> None:
    pairs = tmp_path / "pairs.csv"
    assert nst("pair", run_file, "-o", pairs).exit_code == 3
    assert len(pairs.read_text().splitlines()) == 2
    open_up(run_file)
    assert nst("pair", run_file, "-o", pairs).exit_code == 0


def test_a_run_that_made_everything_else_is_incomplete(
    run_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    summary = summarize(tmp_path, Plan.of([]))
    for unreadable, code in (((), 0), (("The folder x cannot be read: no.",), 3)):
        report = RunReport(tmp_path, summary, 0, 0, unreadable)
        monkeypatch.setattr(commands, "_in_flow", lambda *_, report=report: report)
        found = nst("run", run_file)
        assert found.exit_code == code
        assert ("Left out: The folder x cannot be read: no." in found.stdout) == bool(unreadable)
        assert json.loads(nst("run", run_file, "--json").stdout)["unreadable"] == list(unreadable)


def test_index_tells_what_it_did_not_look_at(run_file: Path) -> None:
    assert "Left out of content: 1 file that systems keep for themselves" in nst("index", run_file).stdout
    told = json.loads(nst("index", run_file, "--json").stdout)
    assert told["content"]["left_out"] == {"system": 1, "unreadable folders": 1}
