"""What a command loads: `nst` answers at once because no command waits for a library that it does not need."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

RUN = Path(__file__).parents[2] / "fixtures" / "run_of_version_1" / "outputs" / "run"
TORCH = {"torch", "torchvision", "prefect"}
UNNEEDED = TORCH | {"pandas", "pandera", "skimage"}
ANY = TORCH | {"pandas", "pandera", "skimage", "pyarrow", "numpy", "httpx", "jinja2", "fsspec", "uvicorn"}


def loaded(folder: Path, *arguments: str) -> tuple[int, set[str]]:
    """Run a command in `folder`; returns its exit code and the top-level modules that it has loaded."""
    script = (
        "import atexit, sys\n"
        "atexit.register(lambda: print('LOADED', sorted({name.partition('.')[0] for name in sys.modules})))\n"
        "from flows.cli import script\n"
        "script()"
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
        (("verify", "run"), UNNEEDED),
        (("gallery", "run"), UNNEEDED),
        (("report", "run"), UNNEEDED),
        (("export", "run", "--to", "imagefolder", "-o", "dataset"), UNNEEDED),
        (("export", "run", "--to", "webdataset", "-o", "dataset"), UNNEEDED),
        (("publish", "run", "--to", "dataset", "--force"), UNNEEDED | {"huggingface_hub"}),
        (("contact-sheet", "run"), UNNEEDED),
        (("triptych", "run", "--all"), UNNEEDED),
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


@pytest.mark.parametrize(
    "wrong", ["method.sise=3", "content=nowhere", "content=~nobody-of-this-name/x", "output.root=$NO_SUCH_VARIABLE/x"]
)
@pytest.mark.parametrize("command", ["plan", "run"])
def test_what_is_wrong_with_a_run_file_is_told_without_torch(tmp_path: Path, command: str, wrong: str) -> None:
    (tmp_path / "trial.yaml").write_text("name: trial\n", encoding="utf-8")
    code, modules = loaded(tmp_path, command, "trial.yaml", "--set", wrong)
    assert (code, modules & UNNEEDED) == (2, set())


@pytest.mark.parametrize(("content", "output"), [("empty.jpg", "out.png"), ("photograph.png", "out.gif")])
def test_what_is_wrong_with_a_single_picture_is_told_without_torch(tmp_path: Path, content: str, output: str) -> None:
    Image.new("RGB", (64, 64)).save(tmp_path / "photograph.png")
    (tmp_path / "empty.jpg").touch()
    code, modules = loaded(tmp_path, "stylize", content, "photograph.png", "-o", output)
    assert (code, modules & TORCH) == (2, set())


@pytest.mark.slow
def test_a_run_with_nothing_to_do_loads_neither_torch_nor_prefect_nor_pandas(tmp_path: Path) -> None:
    method = (
        "method: {size: 48, evaluations: 3}\nstyle: {exclude_licenses: []}\noutput: {gallery: false, report: false}\n"
    )
    (tmp_path / "trial.yaml").write_text(method, encoding="utf-8")
    assert loaded(tmp_path, "run", "trial.yaml")[0] == 0
    code, modules = loaded(tmp_path, "run", "trial.yaml")
    assert (code, modules & {"torch", "prefect", "pandas", "pandera", "skimage"}) == (0, set())


def test_pyarrow_works_without_pandas_and_leaves_a_loaded_one_alone() -> None:
    script = (
        "import sys\nif {early}: import pandas\n"
        "from flows.light_pyarrow import keep_pandas_out\nkeep_pandas_out()\n"
        "import pyarrow as pa\nassert pa.array(['a', None]).to_pylist() == ['a', None]\n"
        "assert ('pandas' in sys.modules) is {early}\nimport pandas as pd\n"
        "print(pd.DataFrame({{'a': ['x', 'y']}}).a.str.upper().tolist())\n"
        "if {early}: print(pa.table({{'a': [1]}}).to_pandas().a.tolist())"
    )
    for early, printed in ((False, "['X', 'Y']"), (True, "['X', 'Y']\n[1]")):
        run = subprocess.run(
            [sys.executable, "-c", script.format(early=early)], capture_output=True, text=True, check=True
        )
        assert run.stdout.strip() == printed
