"""SIGTERM and a second Ctrl-C end a command whatever its threads are doing."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Sequence

import pytest

PROGRAM = """
import ctypes, sys, threading, time
from flows import cli

def command(*_, **__):
    {body}

def stuck():
    print("ready", flush=True)
    mutex = ctypes.create_string_buffer(64)  # compiled code that no signal brings back
    library = ctypes.CDLL(None)
    library.pthread_mutex_init(mutex, None)
    library.pthread_mutex_lock(mutex)
    library.pthread_mutex_lock(mutex)

cli.app, sys.argv = command, ["nst", "verify"]
cli.main()
"""
IN_A_THREAD = "threading.Thread(target=stuck).start(); time.sleep(60)"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("body", "signals"),
    [
        ("stuck()", [signal.SIGTERM]),
        ("stuck()", [signal.SIGINT, signal.SIGINT]),
        (IN_A_THREAD, [signal.SIGTERM]),
        (IN_A_THREAD, [signal.SIGINT]),
        (IN_A_THREAD, [signal.SIGINT, signal.SIGINT]),
    ],
)
def test_a_command_ends_within_five_seconds(body: str, signals: Sequence[int]) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(body=body)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.2)
        for number in signals:
            process.send_signal(number)
            time.sleep(0.1)
        last = time.monotonic()
        _, told = process.communicate(timeout=20)
    finally:
        process.kill()
    assert process.returncode == 130
    assert time.monotonic() - last < 5.5  # four seconds, and what a busy machine takes
    assert "Traceback" not in told
    assert "goes on from here" in told
