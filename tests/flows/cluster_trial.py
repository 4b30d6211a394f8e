"""What the tests of both clusters do: poison, watching a run from outside, and finding what it left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from trial import images_of, rows_of, run

from nst_core.config.run_config import RunConfig

SITE = '''
"""Worker processes that read an image whose name stands in the poison file are killed, as by the kernel."""
import importlib.util, os, signal, sys

class Poisoner:
    def find_spec(self, name, path, target=None):
        if name != "nst_core.chunks.decoding":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        load = spec.loader.exec_module

        def exec_module(module):
            load(module)
            read = module.read_scaled

            def read_scaled(request):
                with open(os.environ["POISON_FILE"]) as names:
                    if request.path.name in names.read().split():
                        os.kill(os.getpid(), signal.SIGKILL)
                return read(request)

            module.read_scaled = read_scaled

        spec.loader.exec_module = exec_module
        return spec

if "flows.runners.worker_process" in sys.orig_argv:
    sys.meta_path.insert(0, Poisoner())
'''


def poisoned_environment(folder: Path) -> dict[str, str]:
    """For the processes of a cluster: the names in `folder`/poison kill whoever reads them."""
    (folder / "sitecustomize.py").write_text(SITE)
    (folder / "poison").write_text("")
    return {"PYTHONPATH": str(folder), "POISON_FILE": str(folder / "poison")}


def small_chunks(config: Callable[..., RunConfig], runner: str, address: str) -> Callable[..., RunConfig]:
    """Makes runs of six chunks of one pair on a cluster."""
    each = ("execution.chunk_size=1", "execution.batch_size=1", f"execution.runner={runner}")
    return lambda *more: config(*each, f"execution.address={address}", "method.evaluations=40", *more)


def assert_a_pair_that_kills_is_quarantined(make: Callable[..., RunConfig], folder: Path) -> None:
    """On a cluster whose processes have `poisoned_environment(folder)`."""
    settings = make("pairing.strategy=random", "execution.chunk_size=4", "method.evaluations=8")
    (folder / "poison").write_text("b.png")
    report = run(settings)
    (folder / "poison").write_text("")
    assert (report.summary.success, report.summary.quarantined) == (2, 1)
    assert "SIGKILL" in (settings.run_folder / "quarantine.csv").read_text()


def events_of(config: RunConfig) -> dict[str, list[dict[str, Any]]]:
    """The journals, by chunk."""
    return {
        path.stem: [json.loads(line) for line in path.read_text().splitlines() if line.endswith("}")]
        for path in sorted((config.run_folder / "logs").glob("*-*.jsonl"))
    }


def count(config: RunConfig, name: str) -> int:
    return sum(event["event"] == name for events in events_of(config).values() for event in events)


def once_a_chunk_has_ended(config: RunConfig, act: Callable[[], object]) -> threading.Thread:
    """Act while the run is in the middle: something is finished, and something is under way."""

    def watch() -> None:
        ends = time.monotonic() + 120
        while not count(config, "end") and time.monotonic() < ends:
            time.sleep(0.05)
        time.sleep(0.3)
        act()

    thread = threading.Thread(target=watch)
    thread.start()
    return thread


def assert_nothing_finished_was_made_again(config: RunConfig) -> None:
    for chunk, events in events_of(config).items():
        names = [event["event"] for event in events]
        assert names.count("end") == 1, f"{chunk}: {names}"
        assert names[-1] == "end", f"{chunk}: {names}"


def assert_same_results(config: RunConfig, reference: RunConfig) -> None:
    """Rows and image bytes, but for times, attempts and who made them."""
    assert images_of(config) == images_of(reference)
    volatile = ["seconds", "created_at", "attempts", "peak_mem_mb", "loss_trace", "code_version"]
    columns = [name for name in rows_of(reference).columns if name not in volatile]
    pd.testing.assert_frame_equal(rows_of(config)[columns], rows_of(reference)[columns], check_exact=True)


def descendants(pid: int) -> set[int]:
    """Processes below one, by what /proc says."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            stat = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents.setdefault(int(stat[1]), []).append(int(entry.name))
    found, left = set[int](), [pid]
    while left:
        below = parents.get(left.pop(), [])
        found |= set(below)
        left += below
    return found


def alive(pids: set[int]) -> dict[int, str]:
    """Those that still run, with their command lines."""
    found = {}
    for pid in pids:
        try:
            state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
            if state not in "ZX":
                found[pid] = Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8").replace("\0", " ")
        except OSError:
            continue
    return found


def stopped_by_ctrl_c(config: RunConfig, run_file: Path) -> tuple[int, str, set[int]]:
    """`nst run`, with a Ctrl-C for its whole process group once a chunk has ended: exit code, output, and children."""
    run_file.write_text(yaml.safe_dump(config.model_dump(mode="json")), encoding="utf-8")
    command = [sys.executable, "-m", "flows", "run", str(run_file)]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )
    below = set[int]()

    def stop() -> None:
        below.update(descendants(process.pid))
        os.killpg(process.pid, signal.SIGINT)

    watcher = once_a_chunk_has_ended(config, stop)
    output, _ = process.communicate(timeout=240)
    watcher.join()
    ends = time.monotonic() + 10
    while alive(below) and time.monotonic() < ends:
        time.sleep(0.2)
    return process.returncode, output, below
