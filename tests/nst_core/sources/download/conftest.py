"""Servers, and an environment in which Kaggle is one of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from download.fake_server import Server, serving

from nst_core.sources.download.progress import DownloadWatch, no_progress
from nst_core.storage.web_access import name_places


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as running:
        name_places([running.url])
        yield running


@pytest.fixture
def watch() -> DownloadWatch:
    return DownloadWatch(no_progress, lambda: False)


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def kaggle(server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Server:
    """The server plays Kaggle, for the unmodified client, and its storage; nobody is logged in."""
    monkeypatch.setenv("KAGGLE_API_ENVIRONMENT", "LOCALHOST")
    monkeypatch.setenv("HTTP_PROXY", server.url)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("KAGGLE_API_TOKEN", "KAGGLE_USERNAME", "KAGGLE_KEY", "KAGGLE_CONFIG_DIR"):
        monkeypatch.delenv(name, raising=False)
    return server
