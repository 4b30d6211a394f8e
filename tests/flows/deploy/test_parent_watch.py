"""A flow run under `nst serve` ends when that is gone: later, or already as it begins. In processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

import pytest

from flows.deploy.parent_watch import SERVING

WAITS = """
import time
from flows.deploy import parent_watch
from flows.signals import stop_requested
parent_watch.GRACE = 0.2
parent_watch.end_with_server(0.05)
time.sleep(1.5)
raise SystemExit(7 if stop_requested.is_set() else 0)
"""
"""Exit code 1: ended by the watch; 0: nothing stopped it."""

ENDED = """
import os, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", sys.argv[1]], env={**os.environ, sys.argv[2]: str(os.getpid())})
print(child.pid, flush=True)
sys.stdin.read()
os._exit(0)
"""


def gone() -> int:
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


@pytest.mark.parametrize(
    ("serving", "code"),
    [(os.getpid, 0), (gone, 1), (lambda: None, 0)],
    ids=["parent", "gone", "none"],
)
def test_a_run_ends_if_its_server_is_gone(serving: Callable[[], int | None], code: int) -> None:
    number = serving()
    variables = {name: value for name, value in os.environ.items() if name != SERVING}
    variables |= {} if number is None else {SERVING: str(number)}
    assert subprocess.run([sys.executable, "-c", WAITS], env=variables, timeout=60).returncode == code


def test_a_run_ends_when_its_server_ends() -> None:
    command = [sys.executable, "-c", ENDED, WAITS.replace("1.5", "60"), SERVING]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as serve:
        assert serve.stdout is not None
        child = int(serve.stdout.readline())
        os.kill(child, 0)
        serve.kill()
        assert serve.stdout.read() == b""  # the child's copy of the pipe is closed: it has ended
