"""The generators of irregular inputs in the developers' folder `../shared/cases`, run in a folder of the test."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path


def generate(shared: Path, generator: str, folder: Path, *arguments: str) -> Path:
    """Run `generator` (a file of `shared/cases`) within `folder`, where it writes, and return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for script in (shared / "cases").glob("*.py"):
        shutil.copy(script, folder)
    done = subprocess.run(
        [sys.executable, generator, *arguments], cwd=folder, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    return folder
