"""A run folder that was made by the code of November 2026 goes on as if nothing had happened to the code."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

FIXTURE = Path(__file__).resolve().parents[1] / "fixtures" / "run_of_version_1"


def load_script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("run_of_version_1", FIXTURE / "make.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


sums = load_script().sums
EXPECTED: dict[str, Any] = json.loads((FIXTURE / "expected.json").read_text(encoding="utf-8"))


def run_nst(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "flows", *arguments], cwd=cwd, capture_output=True, text=True)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A copy of the fixture, to work on."""
    return Path(shutil.copytree(FIXTURE, tmp_path / "place"))


def test_it_is_complete_and_nothing_of_it_is_made_again(place: Path) -> None:
    before = sums(place / "outputs" / "run" / "results")
    answer = run_nst("run", "run.yaml", "--json", cwd=place)
    assert answer.returncode == 3, answer.stderr  # for the broken photograph
    summary = json.loads(answer.stdout)
    assert (summary["success"], summary["quarantined"], summary["made"]) == (4, 1, 0)
    assert sums(place / "outputs" / "run" / "results") == before
    assert sums(place / "outputs" / "run" / "images") == EXPECTED["images"]


def test_a_lost_image_of_it_is_made_again(place: Path) -> None:
    lost = place / "outputs" / "run" / "images" / "train" / "harbour" / "boat--hare--014252e1.png"
    lost.unlink()
    answer = run_nst("run", "run.yaml", "--json", cwd=place)
    assert answer.returncode == 3, answer.stderr
    assert json.loads(answer.stdout)["made"] == 1
    assert lost.is_file()
    assert sorted(sums(place / "outputs" / "run" / "images")) == sorted(EXPECTED["images"])


def test_it_verifies(place: Path) -> None:
    answer = run_nst("verify", "outputs/run", cwd=place)
    assert answer.returncode == 0, answer.stdout + answer.stderr


@pytest.mark.parametrize("form", ["imagefolder", "webdataset"])
def test_it_is_exported_to_the_same_bytes(place: Path, form: str) -> None:
    answer = run_nst("export", "outputs/run", "--to", form, "-o", "exported", cwd=place)
    assert answer.returncode in (0, 3), answer.stderr
    assert sums(place / "exported") == EXPECTED[form]


def test_its_gallery_is_shown(place: Path) -> None:
    answer = run_nst("gallery", "outputs/run", cwd=place)
    assert answer.returncode == 0, answer.stderr
    pages = [name for name in EXPECTED["gallery"] if not name.startswith("thumbs/")]
    gallery = sums(place / "outputs" / "run" / "gallery")
    assert [name for name in gallery if not name.startswith("thumbs/")] == pages
    assert len(gallery) == len(EXPECTED["gallery"])
