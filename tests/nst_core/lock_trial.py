"""What the tests of locks share: other processes that hold a folder, and records that other machines left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from nst_core.run_folder.lock.record import Owner, Record
from nst_core.run_folder.lock.run_lock import RunLock, hold
from nst_core.run_folder.shard import Shard

HOLDER = """
import subprocess, sys, time
from pathlib import Path
from nst_core.run_folder.lock import record as lock_record
lock_record.BEAT_SECONDS = 0.05
from nst_core.run_folder.lock.run_lock import hold
from nst_core.run_folder.shard import Shard
root, shard, work = sys.argv[1:]
if "://" in root:
    from upath import UPath
    root = UPath(root)
else:
    root = Path(root)
with hold(root, Shard.parse(shard) if shard else None) as held:
    held.report(lambda: {"total": 64, "done": 16})
    print("held", flush=True)
    exec(work)
    time.sleep(60)
"""

LEAVE_A_CHILD = """
child = subprocess.Popen(["sleep", "60"], pass_fds=[held.descriptor], stdout=subprocess.DEVNULL)
print(child.pid, flush=True)
"""


@contextmanager
def another_process(root: object, shard: str = "", work: str = "") -> Iterator[subprocess.Popen[str]]:
    """A process that holds a folder, does its `work`, and sleeps."""
    command = [sys.executable, "-c", HOLDER, str(root), shard, work]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
    finally:
        kill(process)


def kill(process: subprocess.Popen[Any]) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()


def killed(root: object, shard: str = "") -> None:
    """Leave a folder behind as a process that was killed leaves it."""
    with another_process(root, shard):
        pass


def taken(root: Any, shard: str = "") -> list[str]:
    """Hold a folder for a moment; what was said."""
    said: list[str] = []
    with hold(root, Shard.parse(shard) if shard else None, said.append):
        pass
    return said


@contextmanager
def held(root: Any, shard: str = "", clear: Callable[[], object] = lambda: None) -> Iterator[RunLock]:
    with hold(root, Shard.parse(shard) if shard else None, clear=clear) as mine:
        yield mine


def elsewhere(shard: str | None = None) -> Owner:
    """An owner on another machine."""
    return replace(
        Owner.this_process(shard), host="node7", boot="of-node7", pid=4242, started="2026-01-02T03:04:05+00:00"
    )


def write(path: Path, record: Record) -> None:
    """As another machine's owner would: in one go, over what was there."""
    data = record.to_bytes()
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT)
    os.pwrite(descriptor, data.ljust(os.fstat(descriptor).st_size), 0)
    os.close(descriptor)


def until(condition: Callable[[], object]) -> None:
    """Wait for something that another thread or process is about to do."""
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.01)
