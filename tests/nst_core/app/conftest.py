"""Servers that several tests share; each test is a new person there."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from running_app import Running, run_config, running

from nst_core.app.limits import Limits
from nst_core.app.runs.settings import RunSettings


@pytest.fixture(scope="package")
def app(tmp_path_factory: pytest.TempPathFactory, make_image: Callable[..., Path]) -> Iterator[Running]:
    """Makes tiny pictures; takes uploads of up to 200 kB and half a megapixel. Its runs are stand-ins."""
    config = run_config(tmp_path_factory.mktemp("app"), make_image)
    run = Path(__file__).parent / "runs" / "working_run.py"
    runs = RunSettings(config.output.root, (sys.executable, "-S", str(run)), data=(config.content.path,))
    with running(config, Limits(upload_bytes=200_000, pixels=500_000, size=64), runs=runs) as server:
        yield server
