"""Run folders without a run, and the Hub on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hub_stand_in import TOKEN, Hub, running_hub
from run_folders import files_of, make_run

__all__ = ["files_of", "make_run"]


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A Hub that this process publishes to by LFS, with a token and caches of its own; the client waits for nothing."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", lambda seconds: None)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with running_hub() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.address)
        yield hub


@pytest.fixture(scope="session")
def xet_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that `hf_xet` logs to, unless this process has imported it before."""
    folder = tmp_path_factory.mktemp("xet-log")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_XET_LOG_DEST", f"{folder}/")
        pytest.importorskip("hf_xet", reason="there is no hf_xet for this system")  # it opens its log then
    return folder


@pytest.fixture
def xet_hub(hub: Hub, xet_log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hub:
    """The same; large files go to the storage behind it, by the Xet protocol, as is the client's default."""
    from huggingface_hub import constants
    from huggingface_hub.utils import _xet

    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", False)
    monkeypatch.setenv("HF_XET_CLIENT_RETRY_BASE_DELAY", "1ms")
    monkeypatch.setenv("HF_XET_CLIENT_RETRY_MAX_ATTEMPTS", "1")
    monkeypatch.setenv("HF_XET_CACHE", str(tmp_path / "xet"))
    monkeypatch.setattr(_xet, "_GLOBAL_XET_HOLDER", _xet.XetSessionHolder())
    return hub
