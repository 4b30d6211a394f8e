"""`nst` where Python would read names and files in ASCII: it works as in UTF-8."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

RUN = Path(__file__).parents[1] / "fixtures" / "run_of_version_1" / "outputs" / "run"
ASCII = {"LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


def python(folder: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, check=False, env=os.environ | ASCII)


def test_a_run_folder_with_an_accent_is_told_of(tmp_path: Path) -> None:
    shutil.copytree(RUN, tmp_path / "é")
    for command in ("status", "verify"):
        done = python(tmp_path, "-m", "flows", command, "é", "--json")
        assert done.returncode in (0, 3), done.stderr
        assert json.loads(done.stdout)


def test_a_missing_name_is_printed_as_it_is(tmp_path: Path) -> None:
    done = python(tmp_path, "-m", "flows", "status", "é")
    assert done.returncode == 2
    assert "é is not a run folder" in done.stderr.decode("utf-8")


@pytest.mark.parametrize("locale", [ASCII, {}], ids=["ASCII", "UTF-8"])
def test_a_name_that_is_no_text_is_printed_by_its_codes(tmp_path: Path, locale: dict[str, str]) -> None:
    command = [sys.executable, "-m", "flows", "status", os.fsdecode(b"x\xff")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False, env=os.environ | locale)
    assert done.returncode == 2
    assert b"x\\udcff is not a run folder" in done.stderr


def test_the_library_says_what_to_set(tmp_path: Path) -> None:
    (tmp_path / "photographs").mkdir()
    Image.new("RGB", (64, 48)).save(tmp_path / "photographs" / "é.png")
    script = (
        "from pathlib import Path\nfrom nst_core.engine.images.limits import ImageLimits\n"
        "from nst_core.errors import SourceError\nfrom nst_core.sources.index.scan import inspect_input\n"
        "try:\n    inspect_input(next(Path('photographs').iterdir()), ImageLimits())\n"
        "except SourceError as error:\n    print(ascii(str(error)))"
    )
    done = python(tmp_path, "-c", script)
    assert b"Python reads the names of files as ascii" in done.stdout, done.stderr
    assert b"PYTHONUTF8=1" in done.stdout


@pytest.mark.slow
def test_names_of_all_kinds_are_run_or_quarantined_alike(tmp_path: Path) -> None:
    for name in ("content/é.png", "style/Dürer/ÿ.png"):
        (tmp_path / name).parent.mkdir(parents=True)
        Image.new("RGB", (64, 48), (200, 30, 90)).save(tmp_path / name)
    shutil.copy(tmp_path / "content/é.png", os.fsencode(tmp_path) + b"/content/b\xff.png")
    run_file = "content: content\nstyle: style\npairing: artist\nmethod: {size: 48, evaluations: 3}\n"
    (tmp_path / "é.yaml").write_text(run_file, encoding="utf-8")
    made = python(tmp_path, "-m", "flows", "run", "é.yaml", "--json")
    assert made.returncode == 3, made.stderr
    told = json.loads(made.stdout)
    assert (told["success"], told["quarantined"]) == (1, 1)
    assert told["errors"] == {"UnreadableName": 1}
    for command in (
        ["verify", "outputs/é"],
        ["gallery", "outputs/é"],
        ["report", "outputs/é"],
        ["triptych", "outputs/é", "--all"],
        ["contact-sheet", "outputs/é", "-o", "ä.png"],
        ["export", "outputs/é", "--to", "imagefolder", "-o", "ö"],
    ):
        done = python(tmp_path, "-m", "flows", *command)
        assert done.returncode in (0, 3), done.stderr
        assert b"Traceback" not in done.stderr
    assert (tmp_path / "ä.png").is_file()
