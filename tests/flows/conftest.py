"""One Prefect server for all flow tests, and a small run to try things on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from flows.server.run_server import prefect_server
from flows.signals import stop_requested
from nst_core.config.run_config import RunConfig, parse_config


@pytest.fixture(scope="session")
def api(caches: Path) -> Iterator[str]:
    """The address of the server that serves the whole session."""
    with prefect_server() as address:
        yield address


@pytest.fixture(autouse=True)
def _no_stop_flag_remains() -> Iterator[None]:
    yield
    stop_requested.clear()


@pytest.fixture
def folders(tmp_path: Path, make_image: Callable[..., Path]) -> Path:
    """Three contents of two shapes (one labelled) and two artists with two styles each."""
    make_image(tmp_path / "content" / "a.png", 80, 64, seed=1)
    make_image(tmp_path / "content" / "b.png", 80, 64, seed=2)
    make_image(tmp_path / "content" / "cats" / "c.jpg", 64, 80, seed=3)
    for number, artist in enumerate(("Ada", "Bo")):
        for work in range(2):
            make_image(tmp_path / "style" / artist / f"{artist}_{work}.png", 72, 72, seed=10 + 2 * number + work)
    return tmp_path


@pytest.fixture
def config(folders: Path) -> Callable[..., RunConfig]:
    """A run over `folders`: small, with the real engine, one thread per worker."""

    def make(*overrides: str, **sections: Any) -> RunConfig:
        data = {
            "name": "trial",
            "content": str(folders / "content"),
            "style": str(folders / "style"),
            "pairing": "artist",
            "method": {"recipe": "wavelet", "size": 72, "evaluations": 8},
            "execution": {"devices": "cpu", "workers": 2, "batch_size": 2, "chunk_size": 2},
            "output": {"root": str(folders / "outputs"), "format": "png", "gallery": False, "report": False},
        }
        return parse_config(data | sections, overrides)

    return make
