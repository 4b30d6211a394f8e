"""What `nst serve` sets for Prefect: what a person has set stays, whatever it is."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import os
from flows.deploy.schedule import serving_environment
serving_environment("http://127.0.0.1:4200/api")
print(os.environ["PREFECT_LOGGING_LEVEL"], os.environ["PREFECT_LOGGING_TO_API_ENABLED"])
"""
ROOT = Path(__file__).parents[3]


def settings(script: str = SCRIPT, **given: str) -> list[str]:
    """Level, and whether Prefect's server has the log, in a new process with these variables."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "NST_QUIETED"))}
    command = [sys.executable, "-c", script]
    return subprocess.run(
        command, cwd=ROOT, env=clean | given, capture_output=True, text=True, check=True
    ).stdout.split()


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({}, ["INFO", "true"]),
        ({"PREFECT_LOGGING_LEVEL": "DEBUG"}, ["DEBUG", "true"]),
        ({"PREFECT_LOGGING_LEVEL": "CRITICAL", "PREFECT_LOGGING_TO_API_ENABLED": "false"}, ["CRITICAL", "false"]),
    ],
)
def test_a_persons_own_settings_stay(given: dict[str, str], found: list[str]) -> None:
    assert settings(**given) == found


def test_what_another_process_of_ours_has_set_is_no_persons_setting() -> None:
    parent = f"import flows, subprocess, sys; subprocess.run([sys.executable, '-c', {SCRIPT!r}], check=True)"
    assert settings(parent) == ["INFO", "true"]
    assert settings(parent, PREFECT_LOGGING_LEVEL="CRITICAL") == ["CRITICAL", "true"]
