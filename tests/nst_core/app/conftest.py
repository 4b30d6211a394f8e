"""Servers that several tests share; each test is a new person there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from running_app import Running, run_config, running

from nst_core.app.limits import Limits


@pytest.fixture(scope="package")
def app(tmp_path_factory: pytest.TempPathFactory, make_image: Callable[..., Path]) -> Iterator[Running]:
    """Makes tiny pictures; takes uploads of up to 200 kB and half a megapixel."""
    config = run_config(tmp_path_factory.mktemp("app"), make_image)
    with running(config, Limits(upload_bytes=200_000, pixels=500_000, size=64)) as server:
        yield server
