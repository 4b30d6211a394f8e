"""A home for Prefect that cannot be written."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.server.run_server import tell_of_home


@pytest.mark.parametrize(("home", "told"), [("/dev/null/x", True), ("/proc/nst", True), ("", False), (".", False)])
def test_a_home_that_cannot_be_written_is_told(
    home: str, told: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PREFECT_HOME", home)
    tell_of_home()
    assert ("PREFECT_HOME names" in capsys.readouterr().err) is told
