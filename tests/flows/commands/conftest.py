"""A finished run for the commands on run folders."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from finished import finished_run


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, make_image: Callable[..., Path]) -> Path:
    """12 pairs: 6 made, 2 failed, 2 quarantined, 2 skipped."""
    return finished_run(tmp_path_factory.mktemp("finished"), make_image).run_folder


@pytest.fixture
def folder(finished: Path, tmp_path: Path) -> Path:
    """A copy of it to write into."""
    return Path(shutil.copytree(finished, tmp_path / "trial"))
