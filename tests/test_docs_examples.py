"""The examples on the pages work: those of the run folder on a run folder, the manifest as a manifest."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from documents import ROOT, Found, blocks
from finished import finished_run
from typer.testing import CliRunner

from flows.cli import app
from nst_core.errors import ManifestError
from nst_core.manifest.csv_reader import read_manifest
from nst_core.run_folder.results import PARTITION, SCHEMA

RUN_FOLDER, MANIFEST = ROOT / "docs" / "run-folder.md", ROOT / "docs" / "manifest.md"
TRANSFORMS = ROOT / "docs" / "transforms.md"
EXAMPLES = list(blocks(RUN_FOLDER, "python"))


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory, make_image: Callable[..., Path]) -> Path:
    """A folder in which `outputs/demo` is a small finished run, with rows of every status."""
    folder = tmp_path_factory.mktemp("examples")
    config = finished_run(folder, make_image)
    shutil.move(config.run_folder, folder / "outputs" / "demo")
    return folder


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: f"line {example.line}")
def test_an_example_of_the_run_folder_runs(
    example: Found, demo: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(demo)
    exec(compile(example.text, str(example.page), "exec"), {})
    assert capsys.readouterr().out or (demo / "licences.csv").is_file()


def test_the_example_of_training_runs_and_gives_the_same_twice(
    tmp_path: Path,
    make_image: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    for number in range(8):
        make_image(tmp_path / "photographs" / f"class{number % 2}" / f"{number}.jpg", 80, 64, seed=number)
    for number in range(3):
        make_image(tmp_path / "paintings" / f"{number}.png", 72, 72, seed=10 + number)
    method = {"kind": "transfer", "network": "quick"}
    Path("holiday.yaml").write_text(yaml.safe_dump({"style": "paintings", "method": method}), encoding="utf-8")
    made = CliRunner().invoke(app, ["styles", "holiday.yaml", "-o", "styles.parquet"])
    assert made.exit_code == 0, made.output
    (example,) = blocks(TRANSFORMS, "python")
    names: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(example.text, str(example.page), "exec"), names)
    first = capsys.readouterr().out
    assert first.count("loss") == 2
    names["main"]()
    assert capsys.readouterr().out == first


def test_the_page_has_the_columns_of_the_results_and_no_others() -> None:
    lines = RUN_FOLDER.read_text(encoding="utf-8").partition("## Columns of the results")[2].splitlines()
    cells = [line.split("|")[1] for line in lines if line.startswith("| `")]
    told = [name.strip(" `") for cell in cells for name in cell.split(",")]
    assert told == [*SCHEMA.names, PARTITION, "x_…"]


def test_the_example_of_a_manifest_is_one(tmp_path: Path) -> None:
    (text,) = (block.text for block in blocks(MANIFEST, "csv"))
    path = tmp_path / "pairs.csv"
    path.write_text(text, encoding="utf-8")
    rows = read_manifest(path, artists=["Claude Monet", "Paul Klee"])
    assert [len(row.styles) for row in rows] == [1, 0, 2, 1, 1]
    assert rows[3].overrides.style_weight == 48
    assert rows[1].extras == {"note": "any of his"}


def test_faults_of_a_manifest_are_told_as_the_page_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("pairs.csv").write_text(
        "content,style,artist,style_weight\n"
        "lake/morning.jpg,Monet/lilies.jpg,,\n"
        "lake/evening.jpg,,Claude Monnet,\n"
        "cats/tom.jpg,Monet/lilies.jpg,,\n"
        "cats/tom.jpg,Klee/castle.jpg,,strong\n"
        "lake/morning.jpg,Monet/lilies.jpg,,\n",
        encoding="utf-8",
    )
    with pytest.raises(ManifestError) as caught:
        read_manifest(Path("pairs.csv"), artists=["Claude Monet", "Paul Klee"])
    (shown,) = (block.text for block in blocks(MANIFEST, "text"))
    assert f"Error: {caught.value}" == shown.rstrip("\n")
