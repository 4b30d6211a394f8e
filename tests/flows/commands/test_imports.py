"""What a command loads: `nst` answers at once because no command waits for a library that it does not need."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

RUN = Path(__file__).parents[2] / "fixtures" / "run_of_version_1" / "outputs" / "run"
TORCH = {"torch", "torchvision", "prefect"}
ANY = TORCH | {"pandas", "pandera", "skimage", "pyarrow", "numpy", "httpx", "jinja2", "fsspec", "uvicorn"}


def loaded(folder: Path, *arguments: str) -> tuple[int, set[str]]:
    """Run a command in `folder`; returns its exit code and the top-level modules that it has loaded."""
    script = (
        "import atexit, sys\n"
        "atexit.register(lambda: print('LOADED', sorted({name.partition('.')[0] for name in sys.modules})))\n"
        "from flows.cli import main\n"
        "main()"
    )
    run = subprocess.run(
        [sys.executable, "-c", script, *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    return run.returncode, set(ast.literal_eval(run.stdout.rpartition("LOADED ")[2]))


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--help",), 0),
        (("--version",), 0),
        (("rnu",), 2),
        (("--nope",), 2),
        (("status",), 2),
        (("run", "--nope"), 2),
        (("app", "--help"), 0),
        (("download", "coco", "--help"), 0),
    ],
)
def test_help_and_wrong_usage_load_no_library(tmp_path: Path, arguments: tuple[str, ...], code: int) -> None:
    returned, modules = loaded(tmp_path, *arguments)
    assert (returned, modules & ANY) == (code, set())


def test_the_modules_of_the_commands_load_no_library() -> None:
    script = "import sys, flows.cli\n[flows.cli.load(name) for name in flows.cli.COMMANDS]\nprint(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ANY & set(run.stdout.split()) == set()


@pytest.mark.parametrize(
    ("command", "unneeded"),
    [
        (("status", "run"), TORCH | {"pandas", "pandera", "skimage", "scipy", "PIL", "jinja2"}),
        (("status", "run", "--watch"), TORCH | {"pandas", "pandera", "skimage", "scipy", "PIL", "jinja2"}),
        (("verify", "run"), TORCH | {"pandera", "skimage"}),
        (("gallery", "run"), TORCH | {"pandera", "skimage"}),
        (("report", "run"), TORCH | {"pandera", "skimage"}),
        (("export", "run", "--to", "imagefolder", "-o", "dataset"), TORCH | {"pandera", "skimage"}),
        (("contact-sheet", "run"), TORCH | {"pandera", "skimage"}),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_a_command_on_a_run_folder_loads_only_what_it_needs(
    tmp_path: Path, command: tuple[str, ...], unneeded: set[str]
) -> None:
    shutil.copytree(RUN, tmp_path / "run")
    code, modules = loaded(tmp_path, *command)
    assert code in (0, 3)
    assert modules & unneeded == set()


@pytest.mark.parametrize("command", [["run", "none.yaml"], ["status", "none"], ["verify", "none"], ["retry", "none"]])
def test_a_missing_file_is_told_without_torch(tmp_path: Path, command: list[str]) -> None:
    code, modules = loaded(tmp_path, *command)
    assert (code, modules & TORCH) == (2, set())
