"""The benchmark of large pictures' memory, and what it is for: a picture in tiles takes less than as a whole."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("tiled_memory.py")


@pytest.mark.slow
def test_a_picture_in_tiles_takes_less_memory_than_as_a_whole() -> None:
    whole, tiled = peak("none"), peak("256")
    assert tiled < whole - 0.5


def peak(tile: str) -> float:
    """Peak memory of a process that makes one picture, in GiB."""
    options = [
        "--recipe",
        "fast",
        "--weights",
        "random",
        "--width",
        "768",
        "--height",
        "768",
        "--style",
        "128",
        "--tile",
        tile,
    ]
    command = [sys.executable, str(SCRIPT), *options, "--memory", "8GiB"]
    process = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    found = re.search(r"peak (\d+\.\d+) GiB", process.stdout)
    assert found, process.stdout
    return float(found[1])
