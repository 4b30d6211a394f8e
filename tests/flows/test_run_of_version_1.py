"""A run folder that was made by the code of November 2026 goes on as if nothing had happened to the code."""

from __future__ import annotations

import importlib.util
import json
import shutil
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from flows.cli import _guarded, app

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
DESCRIPTIONS = {"README.md", "croissant.json", "export.json"}
"""Files of an export that say what it is; later code may say more."""


def nst(*arguments: str) -> int:
    """The exit code of a command, without the seconds that a process of its own takes to start."""
    return _guarded(lambda: app([*arguments], standalone_mode=False))


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the fixture, to work on, as the working folder."""
    place = Path(shutil.copytree(FIXTURE, tmp_path / "place"))
    monkeypatch.chdir(place)
    return place


@pytest.mark.usefixtures("api")
def test_it_is_complete_and_nothing_of_it_is_made_again(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = sums(place / "outputs" / "run" / "results")
    assert nst("run", "run.yaml", "--json") == 3  # for the broken photograph
    summary = json.loads(capsys.readouterr().out)
    assert (summary["success"], summary["quarantined"], summary["made"]) == (4, 1, 0)
    assert sums(place / "outputs" / "run" / "results") == before
    assert sums(place / "outputs" / "run" / "images") == EXPECTED["images"]


@pytest.mark.usefixtures("api")
def test_a_lost_image_of_it_is_made_again(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lost = place / "outputs" / "run" / "images" / "train" / "harbour" / "boat--hare--014252e1.png"
    lost.unlink()
    assert nst("run", "run.yaml", "--json") == 3
    assert json.loads(capsys.readouterr().out)["made"] == 1
    assert lost.is_file()
    assert sorted(sums(place / "outputs" / "run" / "images")) == sorted(EXPECTED["images"])


@pytest.mark.usefixtures("place")
def test_it_verifies() -> None:
    assert nst("verify", "outputs/run") == 0


@pytest.mark.parametrize("form", ["imagefolder", "webdataset"])
def test_its_images_and_tables_are_exported_to_the_same_bytes(place: Path, form: str) -> None:
    assert nst("export", "outputs/run", "--to", form, "-o", "exported") in (0, 3)
    exported = sums(place / "exported")
    assert set(exported) == set(EXPECTED[form]) | DESCRIPTIONS
    assert {name: exported[name] for name in set(EXPECTED[form]) - DESCRIPTIONS} == {
        name: sum for name, sum in EXPECTED[form].items() if name not in DESCRIPTIONS
    }


def test_its_gallery_is_shown(place: Path) -> None:
    assert nst("gallery", "outputs/run") == 0
    pages = sorted([*(name for name in EXPECTED["gallery"] if not name.startswith("thumbs/")), "records.json"])
    gallery = sums(place / "outputs" / "run" / "gallery")
    assert [name for name in gallery if not name.startswith("thumbs/")] == pages
    assert len(gallery) == len(EXPECTED["gallery"]) + 1
